"""
The pictures of docs/benchmarks.md: `python benchmarks/pictures.py RUN.json FOLDER`.

RUN.json is what `python -m fastinit bench --json RUN.json` wrote. Needs matplotlib.
"""

import sys
from pathlib import Path

from fastinit import drawing
from fastinit.bench import charts, results


def main() -> None:
    run, folder = results.read(Path(sys.argv[1])), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for name in charts.PICTURES:
        path = folder / f"bench_{name}.svg"
        drawing.save(charts.picture(run, name), path)
        print(path)


if __name__ == "__main__":
    main()
