"""`python -m bench [ROW ...]`: measure, print one table, keep it in bench/results/.

Knows the names of the rows; each is a module with `run() -> list[Row]`.
"""

from __future__ import annotations

import argparse
import importlib
import time
import traceback

from . import machine, table

ROWS = ("requests", "doors", "events", "ttft", "tokens", "embeddings", "start", "adapters", "training", "engine")
MODULES = {"engine": "built"}
"""Rows whose module has another name."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"any of {', '.join(ROWS)}; none means all")
    chosen = parser.parse_args().rows or list(ROWS)
    if unknown := set(chosen) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    about, when = machine.describe(), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    rows, failed = [], []
    for name in chosen:
        print(f"measuring {name} ...", flush=True)
        try:
            rows += importlib.import_module(f"bench.{MODULES.get(name, name)}").run()
        except Exception:  # one row that cannot be had must not cost the others
            traceback.print_exc()
            failed.append(name)
    print(table.markdown(rows, about), table.write(rows, about, when), sep="\n\n")
    if failed:
        print(f"not measured: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
