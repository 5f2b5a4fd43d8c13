"""`python -m outcrop.convert FOLDER OUT [--dtype q8_0]`: convert one folder; status 1 and a line when it cannot be.

With `--tied` the conversion ends when stdin does: when the service that asked for it dies, however it dies.
"""

from __future__ import annotations

import argparse
import os
import threading
from pathlib import Path

from . import convert
from .gguf_file import DTYPES


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m outcrop.convert", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--dtype", choices=DTYPES, default="q8_0")
    parser.add_argument("--tied", action="store_true", help="end when stdin ends")
    wanted = parser.parse_args()
    if wanted.tied:
        threading.Thread(target=lambda: (os.read(0, 1), os._exit(9)), daemon=True).start()
    try:
        convert(wanted.folder, wanted.out, wanted.dtype)
    except (ValueError, OSError) as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
