"""Which kernel a fill on a CUDA device takes: its name, and what its source is compiled with."""

from typing import NamedTuple

THREADS = 256  # of a group


class Kernel(NamedTuple):
    """
    One kernel of src/gpu/fill.cu: a program of its own, which is compiled when it is first needed.

    >>> kernel = Kernel("range", "NORMAL", "FLOAT32", True)
    >>> kernel.name
    'fastinit_range_add_normal_float32'
    >>> kernel.defines[-2:]
    ['-DFI_KERNEL_DTYPE=FI_FLOAT32', '-DFI_KERNEL_ADDS=1']
    """

    form: str  # "range", "region", "blocks", "ranges" or "constant": see fi_gpu_form of src/gpu/launch.h
    draw: str  # NAME of src/draws.def, or "CONSTANT"
    dtype: str  # NAME of src/dtypes.def; of constants the size of an element, as "BYTES4"
    accumulate: bool

    @property
    def name(self) -> str:
        """What the function is called in the compiled module."""
        add = "add_" if self.accumulate else ""
        return f"fastinit_{self.form}_{add}{self.draw}_{self.dtype}".lower()

    @property
    def defines(self) -> list[str]:
        """The compiler's options that make this kernel of the source."""
        form = [f"-DFI_KERNEL={self.name}", f"-DFI_FORM_{self.form.upper()}"]
        if self.form == "constant":
            return [*form, f"-DFI_KERNEL_BYTES={self.dtype.removeprefix('BYTES')}"]
        return [
            *form,
            f"-DFI_KERNEL_DRAW=FI_{self.draw}",
            f"-DFI_KERNEL_DTYPE=FI_{self.dtype}",
            f"-DFI_KERNEL_ADDS={int(self.accumulate)}",
        ]
