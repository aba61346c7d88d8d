"""The arguments of the command line: whole names only, and one line for what is wrong, with what was probably meant."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from fastinit.program import REFUSED
from fastinit.text import MOST, cut, meant, printable, quoted

STANDARD = Path("-")  # standard input or output, in the place of a file
SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))
KINDS = {int: "an integer", float: "a number"}

_Namespace = TypeVar("_Namespace")


class Parser(argparse.ArgumentParser):
    """
    An ArgumentParser that takes no abbreviations, and whose errors are one line each, of text that a terminal can show.

    So are the parsers of its commands. Where an option or a command is unknown, that is said before what is missing.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False, **keywords})

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: _Namespace | None = None
    ) -> tuple[Any, list[str]]:
        """Nothing is left over: what is unknown is refused by the parser of the command that it was given to."""
        given = list(sys.argv[1:] if args is None else args)
        self._check_options(given)
        parsed, unknown = super().parse_known_args(given, namespace)
        if unknown:
            self.error(f"{quoted(unknown[0])} is one argument too many{self._more('')}")
        return parsed, unknown

    def error(self, message: str) -> NoReturn:
        """Says in one line what is wrong, and exits with 2."""
        # Names of options and what argparse itself quotes: of that, an end too long is cut.
        self.exit(REFUSED, f"{self.prog}: {cut(printable(message), 3 * MOST)}\n")

    def _check_options(self, given: Sequence[str]) -> None:
        for argument in given:
            if argument == "--" or (self._subparsers is not None and not argument.startswith("-")):
                return  # what follows is no option, or the command's
            name = argument.partition("=")[0]
            is_number = argument[1:2].isdigit() or argument[1:2] == "."
            if not argument.startswith("-") or argument == "-" or is_number or " " in argument:
                continue
            accepted = self._option_string_actions
            if name not in accepted and (name.startswith("--") or name[:2] not in accepted):
                self.error(f"unknown option {quoted(name)}{self._more(meant(name, accepted))}")

    def _more(self, hint: str) -> str:
        return hint or f"; {self.prog} --help lists what is accepted"

    # Not documented of argparse, and the same from Python 3.11 to 3.14: these two make the messages that quote a value.

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        names = [str(name) for name in action.choices]
        what = action.metavar if isinstance(action.metavar, str) and not action.option_strings else "value"
        more = meant(str(value), names) or f"; accepted are {', '.join(names)}"
        raise argparse.ArgumentError(action if action.option_strings else None, f"unknown {what} {quoted(value)}{more}")

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError as error:
            kind = action.type if isinstance(action.type, type) else None
            if kind in KINDS:
                message = f"{quoted(arg_string)}; accepted is {KINDS[kind]}"
                raise argparse.ArgumentError(action, message) from error.__cause__
            raise

    def _print_message(self, message: str, file: Any = None) -> None:
        """Prints what can be printed: an error keeps its status, and help that cannot be printed has 1."""
        stream = sys.stderr if file is None else file
        if not message or stream is None:
            return
        try:
            stream.write(message)
            stream.flush()
        except (OSError, ValueError):  # of the device; closed
            if stream is not sys.stderr:
                raise SystemExit(1) from None


def path(text: str) -> Path:
    """The type of an argument that names a folder or a file: an empty one would be the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty; accepted is the path of a file or folder")
    # Only "-" itself is standard input or output; Path makes the same of "./-".
    return Path(text) if text == "-" or Path(text) != STANDARD else Path(text).absolute()


def file(text: str) -> Path:
    """The type of an argument that names a file: Path would take the separator from the end of a folder's name."""
    if text.endswith(SEPARATORS):
        raise argparse.ArgumentTypeError(f"{quoted(text)} is the name of a folder; accepted is the path of a file")
    return path(text)
