"""Runs all fuzzers one after the other: python tests/fuzz/run.py --seconds 15 (a minute; 900 make an hour)."""

import argparse
import importlib

NAMES = ("headers", "index", "rules", "reports")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--seconds", type=float, default=15, metavar="S", help="for each; 15 without this")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    for name in NAMES:
        print(f"{name}: {importlib.import_module(name).run(chosen.seed, None, chosen.seconds)}", flush=True)


if __name__ == "__main__":
    main()
