"""The start of the program, before NumPy is imported, which takes most of it."""

import os
import sys

PROGRAM = "fastinit-weights"


def is_program(argv: list[str], command: list[str]) -> bool:
    """Whether this process is `python -m fastinit` or fastinit-weights, and no other program that imports fastinit."""
    if argv[:1] == ["-m"]:  # as long as Python looks for the module
        # Python's own options may come before, in one word too: -Im.
        for i, word in enumerate(command[1:], 1):
            if word.startswith("-") and not word.startswith("--") and "m" in word:
                module = word.partition("m")[2] or "".join(command[i + 1 : i + 2])
                return module in ("fastinit", "fastinit.__main__")
        return False
    return bool(argv) and os.path.splitext(os.path.basename(argv[0]))[0] == PROGRAM


def end_without_traceback() -> None:
    """Leaves Ctrl-C to the system until the command runs: the process ends at once, and Python prints no traceback."""
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


if is_program(sys.argv, sys.orig_argv):
    end_without_traceback()
