"""`python -m outcrop.convert FOLDER OUT [--dtype q8_0]`: convert one folder; status 1 and a line when it cannot be."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import convert
from .gguf_file import DTYPES


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m outcrop.convert", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--dtype", choices=DTYPES, default="q8_0")
    wanted = parser.parse_args()
    try:
        convert(wanted.folder, wanted.out, wanted.dtype)
    except (ValueError, OSError) as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
