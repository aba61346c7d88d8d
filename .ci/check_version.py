"""check_version.py v1.2.3: fails unless pyproject.toml has that version, and CHANGELOG.md's first heading is ## 1.2.3.

A date may follow in the heading.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main(tag: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    heading = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    changed = heading[1] if heading else None
    if not tag == f"v{version}" == f"v{changed}":
        sys.exit(f"the tag is {tag}, the version in pyproject.toml {version}, the changelog's first heading {changed}")


if __name__ == "__main__":
    main(sys.argv[1])
