"""`python -m outcrop`."""

import sys

from .cli import main

sys.exit(main())
