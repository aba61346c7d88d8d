"""A progress bar on standard error: one line, redrawn in place, and only on a terminal."""

import shutil
import sys
from types import TracebackType
from typing import TextIO

BAR_WIDTH = 30


class Progress:
    """Shows how many of total cases are done; leaves no trace at the end of its with statement."""

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        self.total = total
        self.done = 0
        self.label = ""
        self.stream = sys.stderr if stream is None else stream
        self.visible = self.stream.isatty()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._redraw("")

    def show(self, label: str) -> None:
        """Names the case that is being measured."""
        self.label = label
        self._redraw(self.line())

    def advance(self) -> None:
        """One more case is done."""
        self.done += 1

    def line(self) -> str:
        """The bar, the count and the label."""
        filled = BAR_WIDTH * self.done // self.total
        return f"[{'#' * filled:.<{BAR_WIDTH}}] {self.done + 1} of {self.total}  {self.label}"

    def _redraw(self, line: str) -> None:
        if not self.visible:
            return
        # The last column stays free: a full line would wrap, and \r could not take it back.
        width = min(shutil.get_terminal_size().columns, 80) - 1
        self.stream.write(f"\r{line[:width]:{width}}\r{line[:width]}")
        self.stream.flush()
