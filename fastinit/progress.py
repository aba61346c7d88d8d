"""A progress bar on standard error, by rich: only where that is installed and standard error is a terminal."""

import io
import sys
from types import TracebackType
from typing import TYPE_CHECKING, TextIO, cast

from fastinit.text import fitting, printable

if TYPE_CHECKING:
    import rich.progress

NARROW = 100  # columns: below, the bar is short, and of the times the one left is shown


class Progress:
    """
    Shows how much of a total is done, in cases or in bytes; leaves no trace at the end of its with statement.

    Where it cannot be shown it is silent, and it goes silent when its terminal goes away: no work ends for its bar.
    """

    def __init__(self, total: int, visible: bool = True, *, unit: str = "cases") -> None:
        self.terminal: _Terminal | None = None
        if visible and sys.stderr is not None and _is_terminal(sys.stderr):
            self.terminal = _Terminal(sys.stderr)
        self.bar: rich.progress.Progress | None = None if self.terminal is None else _bar(self.terminal, unit)
        if self.bar is not None:
            self.bar.add_task("", total=total)

    def __enter__(self) -> "Progress":
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def show(self, label: str) -> None:
        """Names what is being done; the label may be foreign text."""
        if self.bar is not None:
            # What does not fit anyway is not looked at: the label may be a name of a megabyte.
            shown = fitting(printable(label[: self.bar.console.width]), self.bar.console.width)
            self.bar.update(self.bar.task_ids[0], description=shown, refresh=True)
            self._turn_off_if_gone()

    def advance(self, amount: int = 1) -> None:
        """One more case is done, or that much of the total; the next label shows it."""
        if self.bar is not None:
            self.bar.advance(self.bar.task_ids[0], amount)

    def _turn_off_if_gone(self) -> None:
        if self.bar is not None and self.terminal is not None and self.terminal.is_gone:
            self.bar.stop()
            self.bar = None


class _Terminal(io.TextIOBase):
    """Writes to a terminal until that goes away, and raises nothing then."""

    def __init__(self, stream: TextIO) -> None:
        self.stream: TextIO = stream
        self.is_gone: bool = False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self.stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.stream.fileno()

    def write(self, text: str) -> int:
        if not self.is_gone:
            try:
                self.stream.write(text)
                self.stream.flush()
            except (OSError, ValueError):  # an error of the device; a closed stream, or one that lacks a letter
                self.is_gone = True
        return len(text)

    def flush(self) -> None:
        """Does nothing: each write is flushed."""


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _bar(terminal: _Terminal, unit: str) -> "rich.progress.Progress | None":
    """The bar that rich draws; None without rich, and on a terminal that cannot move its cursor."""
    try:
        from rich import progress
        from rich.console import Console
        from rich.table import Column
    except ImportError:
        return None
    console = Console(
        file=cast(TextIO, terminal), force_terminal=True, force_jupyter=False, highlight=False, emoji=False
    )
    if console.is_dumb_terminal:
        return None
    is_narrow = console.width < NARROW
    columns: list[progress.ProgressColumn] = [
        progress.BarColumn(8 if is_narrow else 24),
        progress.DownloadColumn(binary_units=True) if unit == "bytes" else progress.MofNCompleteColumn(),
    ]
    if is_narrow:
        columns += [progress.TimeRemainingColumn(compact=True)]
    else:
        columns += [progress.TimeElapsedColumn(), progress.TextColumn("gone,")]
        columns += [progress.TimeRemainingColumn(), progress.TextColumn("left")]
    rest = Column(no_wrap=True, overflow="ellipsis", ratio=1)
    columns += [progress.TextColumn("{task.description}", markup=False, table_column=rest)]
    return progress.Progress(
        *columns,
        console=console,
        transient=True,
        auto_refresh=False,  # by a thread, which would run while something is measured
        redirect_stdout=False,
        redirect_stderr=False,
        expand=True,
    )
