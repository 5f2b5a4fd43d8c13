"""``python -m outcrop.evaluation.pebble``: the scorecard without the rest of the command line."""

from outcrop.evaluation.pebble.scorecard import main

if __name__ == "__main__":
    main()
