"""The whole stack on real data, as local processes: `driftgauge demo`."""
