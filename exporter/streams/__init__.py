"""Observations and outcomes from Kafka: the same counters, windows and checks as a predictor's.

::

    topics -> messages -> store, with where they came from -> counters -> commit
                 |                     |
                 v                     v
            dead letters            checks -> alerts

`messages` reads what comes, `ledger` knows what the store holds of it, `sink` is the model that it is about,
`consumer` the loop, `received` what its messages say of themselves, `lag` how far it is behind, `alerts` what
a check changed, `publisher` tells a topic. Which topics says `stream_settings`, outside: the configuration
needs it, and this package what the configuration makes.
"""
