"""
The distribution fastinit-weights: what pip installs the package ``fastinit`` by, and what else does.

The package index has another project whose distribution and package are both called fastinit. Installed into one
folder, the two overwrite each other's fastinit/__init__.py, whichever comes later, and pip says nothing.
"""

import os
import re
import sys
import warnings

from fastinit.startup import PROGRAM

NAME = PROGRAM
_OTHER = re.compile(r"fastinit(?:-(\d[^-]*).*)?\.(?:dist|egg)-info", re.IGNORECASE)
_REPAIR = f"keep to one in an environment: `pip uninstall fastinit {NAME}`, then install that one again"


def command_for(extra: str) -> str:
    """The command that installs what an extra brings, as messages quote it."""
    return f"`pip install '{NAME}[{extra}]'`"


def missing(error: ModuleNotFoundError, extra: str) -> ImportError:
    """What importing the module for a framework raises where the framework is not installed."""
    package = (error.name or extra).partition(".")[0]
    return ImportError(f"fastinit.{extra} needs {package}, which {command_for(extra)} installs")


def other_in(folder: str) -> str | None:
    """The other project's distribution in a folder of packages, with its version; None where it is not installed."""
    try:
        # importlib.metadata would find it too; to import that takes several times as long as this.
        found = [match for match in map(_OTHER.fullmatch, os.listdir(folder)) if match]
    except OSError:
        return None
    return " ".join(filter(None, ("fastinit", found[0][1]))) if found else None


def warn_of_other(core: str, version: str) -> None:
    """Warns who imports fastinit if the other project is installed where the compiled core is."""
    folder = os.path.dirname(os.path.dirname(os.path.abspath(core)))
    if other := other_in(folder):
        warnings.warn(
            f"{folder} has two distributions that install the package fastinit, {other} and {NAME} {version}; "
            "unless one is installed with -e, they overwrite each other's files, and uninstalling either breaks both; "
            f"{_REPAIR}",
            RuntimeWarning,
            stacklevel=3,  # the import of fastinit
        )


def check_package() -> None:
    """ImportError if fastinit/__init__.py, which has imported this module or should have, is not there or another's."""
    package = sys.modules["fastinit"]
    if not hasattr(package, "STREAM_VERSION"):
        file = getattr(package, "__file__", None) or os.path.join(*package.__path__[:1], "__init__.py")
        raise ImportError(
            f"{file} is not {NAME}'s: the other distribution, fastinit, has replaced it, or took it away when it was "
            f"uninstalled; {_REPAIR}"
        )


# Whoever imports a part of the package, the command line or a module for a framework, comes by here.
check_package()
