"""From a cause to a checked candidate: what asks for a retraining, what holds it back, who trains.

`driftgauge retrain serve` runs it. docs/retraining.md says what it promises.
"""
