"""
Arrays on CUDA devices, filled with the CPU's bits; the package's own, without public names.

Nothing of it is imported until an array that is none of NumPy's is to be filled, and no framework by it ever.
"""

import sys
import warnings


def warn(text: str) -> None:
    """A RuntimeWarning of the line that called fastinit."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "fastinit":
        level, frame = level + 1, frame.f_back
    warnings.warn(text, RuntimeWarning, stacklevel=level)
