"""A progress bar on standard error: one line, redrawn in place, and only on a terminal."""

import shutil
import sys
from types import TracebackType
from typing import TextIO

BAR_WIDTH = 30


class Progress:
    """Shows how many of total cases are done, or how much; leaves no trace at the end of its with statement."""

    def __init__(self, total: int, stream: TextIO | None = None, visible: bool = True) -> None:
        self.total: int = total
        self.done: int = 0
        self.label: str = ""
        self.stream: TextIO = sys.stderr if stream is None else stream
        self.visible: bool = visible and self.stream.isatty()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._redraw("")

    def show(self, label: str) -> None:
        """Names what is being done."""
        self.label = label
        self._redraw(self.line())

    def advance(self, amount: int = 1) -> None:
        """One more case is done, or that much of the total."""
        self.done += amount

    def count(self) -> str:
        """Where the work is, in numbers."""
        return f"{self.done + 1} of {self.total}"

    def line(self) -> str:
        """The bar, the count and the label."""
        filled = BAR_WIDTH * self.done // max(self.total, 1)
        return f"[{'#' * filled:.<{BAR_WIDTH}}] {self.count()}  {self.label}"

    def _redraw(self, line: str) -> None:
        if not self.visible:
            return
        # The last column stays free: a full line would wrap, and \r could not take it back.
        width = min(shutil.get_terminal_size().columns, 80) - 1
        self.stream.write(f"\r{line[:width]:{width}}\r{line[:width]}")
        self.stream.flush()
