"""The real converter's way in, with a conversion that takes for ever; it says so by making a file, its first word."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from outcrop.convert import __main__ as real


def convert(*_: Any) -> None:
    Path(TOLD).touch()
    time.sleep(600)


if __name__ == "__main__":
    TOLD = sys.argv.pop(1)
    real.convert = convert  # type: ignore[assignment]
    real.main()
