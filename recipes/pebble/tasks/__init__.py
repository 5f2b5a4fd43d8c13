"""The abilities, one module each: every module draws endless distinct conversations for one row of the scorecard."""
