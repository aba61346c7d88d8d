"""The report: rows of results, as text for a terminal and as data for JSON."""

import textwrap
from dataclasses import asdict, dataclass
from itertools import groupby
from statistics import median, quantiles

from fastinit.bench.cases import DRAWN_BY_NUMPY, MEMSET_FROM_ELEMENTS, Case, elements_text
from fastinit.bench.environment import Environment
from fastinit.bench.measure import Rounds

WIDTH = 110

# A run is called noisy when the ratio's interquartile range exceeds this part of its median ...
NOISY_SPREAD = 0.2
# ... in more than this part of the rows.
NOISY_ROWS = 0.25


@dataclass(frozen=True)
class Row:
    """The result of one case: medians over the rounds."""

    draw: str
    dtype: str
    elements: int
    rounds: int
    fastinit_seconds: float
    numpy_seconds: float
    memset_seconds: float | None
    ns_per_element: float
    gigabytes_per_second: float
    ratio: float
    ratio_interquartile_range: float
    memset_share: float | None
    fastinit_statement: str
    numpy_statement: str

    @classmethod
    def of(cls, case: Case, rounds: Rounds) -> "Row":
        # A slow moment of the machine hits all sides of a round, so ratios are taken within rounds.
        ratios = [numpy / own for own, numpy in zip(rounds.fastinit, rounds.numpy, strict=True)]
        shares = [memset / own for own, memset in zip(rounds.fastinit, rounds.memset, strict=True)]
        seconds = median(rounds.fastinit)
        first_quartile, _, third_quartile = quantiles(ratios, n=4, method="inclusive")
        return cls(
            draw=case.draw.name,
            dtype=case.dtype,
            elements=case.elements,
            rounds=len(ratios),
            fastinit_seconds=seconds,
            numpy_seconds=median(rounds.numpy),
            memset_seconds=median(rounds.memset) if case.tells_memset else None,
            ns_per_element=seconds * 1e9 / case.elements,
            gigabytes_per_second=case.elements * case.itemsize / seconds * 1e-9,
            ratio=median(ratios),
            ratio_interquartile_range=third_quartile - first_quartile,
            memset_share=median(shares) if case.tells_memset else None,
            fastinit_statement=case.fastinit_statement,
            numpy_statement=case.numpy_statement,
        )

    @property
    def noisy(self) -> bool:
        return self.ratio_interquartile_range > NOISY_SPREAD * self.ratio


def json_ready(environment: Environment, rows: list[Row]) -> dict[str, object]:
    """The report as plain dictionaries and lists."""
    return {"environment": asdict(environment), "rows": [asdict(row) for row in rows]}


def header(environment: Environment) -> str:
    """The machine and the versions, above the table."""
    lines = [
        ("fastinit", f"{environment.fastinit}, stream version {environment.stream_version}"),
        ("kernel", f"{environment.kernel}; FASTINIT_SIMD forces one of {', '.join(environment.kernels_available)}"),
        (
            "threads",
            f"{environment.threads} a fill, NumPy's 1; --threads sets it; CPUs available: {environment.cpus_available}",
        ),
        ("CPU", environment.cpu),
        ("versions", versions_text(environment)),
        ("date", environment.date),
    ]
    if environment.load_average is not None:
        lines.append(("load", f"{environment.load_average:.2f} processes over the last minute"))
    return labelled(lines)


def info(environment: Environment) -> str:
    """What fastinit is and runs on, without a measurement."""
    return labelled(
        [
            ("fastinit", environment.fastinit),
            ("stream version", str(environment.stream_version)),
            ("kernel", environment.kernel),
            ("kernels available", f"{', '.join(environment.kernels_available)}; FASTINIT_SIMD forces one"),
            ("CPU", environment.cpu),
            ("CPU features", ", ".join(environment.cpu_features) or "none that the choice of a kernel rests on"),
            ("threads", f"up to {environment.threads} a fill; CPUs available: {environment.cpus_available}"),
            ("Python", environment.python),
            ("NumPy", environment.numpy),
            ("compiler", environment.compiler),
            ("platform", environment.platform),
        ]
    )


def labelled(lines: list[tuple[str, str]]) -> str:
    """Values under each other, behind their labels."""
    margin = max(len(label) for label, _ in lines) + 2
    return "\n".join(
        textwrap.fill(f"{label:{margin}}{value}", WIDTH, subsequent_indent=" " * margin) for label, value in lines
    )


def versions_text(environment: Environment) -> str:
    """What the two sides were built and run with."""
    versions = [environment.python, f"NumPy {environment.numpy}"]
    if environment.ml_dtypes is not None:
        versions.append(f"ml_dtypes {environment.ml_dtypes}")
    return f"{', '.join(versions)}; fastinit built by {environment.compiler}"


# Each column of the table: its group's title, its own title, its width (negative: flush left).
COLUMNS = (
    ("", "draw", -18),
    ("", "dtype", -8),
    ("", "elements", 8),
    ("fastinit", "a call", 8),
    ("fastinit", "ns/element", 10),
    ("fastinit", "GB/s", 6),
    ("fastinit", "of memset", 9),
    ("NumPy", "a call", 8),
    ("", "ratio", 8),
)
GAP = "  "


def table(rows: list[Row]) -> str:
    """The results, draw by draw."""
    groups = [table_line([title for _, title, _ in COLUMNS])]
    for _, members in groupby(rows, key=lambda row: row.draw):
        groups.append("\n".join(table_line(cells(row)) for row in members))
    rule = "-" * len(groups[0])
    return "\n".join([group_titles(), f"\n{rule}\n".join(groups)])


def cells(row: Row) -> list[str]:
    """A row's texts, in the order of COLUMNS."""
    return [
        row.draw,
        row.dtype,
        elements_text(row.elements),
        time_text(row.fastinit_seconds),
        f"{row.ns_per_element:.3f}",
        f"{row.gigabytes_per_second:.2f}",
        "-" if row.memset_share is None else f"{row.memset_share:.0%}",
        time_text(row.numpy_seconds),
        f"{row.ratio:.{1 if row.ratio >= 1 else 2}f} x",
    ]


def table_line(texts: list[str]) -> str:
    """One text for each of COLUMNS, side by side."""
    padded = (
        text.ljust(-width) if width < 0 else text.rjust(width)
        for text, (_, _, width) in zip(texts, COLUMNS, strict=True)
    )
    return GAP.join(padded)


def group_titles() -> str:
    """The line above the titles: each group's title over its columns."""
    spans = []
    for title, members in groupby(COLUMNS, key=lambda column: column[0]):
        widths = [abs(width) for _, _, width in members]
        span = sum(widths) + len(GAP) * (len(widths) - 1)
        grouped = title and len(widths) > 1
        spans.append(f" {title} ".center(span, "-") if grouped else title.rjust(span))
    return GAP.join(spans).rstrip()


def time_text(seconds: float) -> str:
    """Three digits and a unit: '1.84 µs'."""
    units = (("ns", 1e9), ("µs", 1e6), ("ms", 1e3))
    unit, scale = next(((unit, scale) for unit, scale in units if seconds * scale < 999.5), ("s", 1.0))
    return f"{seconds * scale:#.3g}".rstrip(".") + f" {unit}"


def notes(rows: list[Row], missing: tuple[str, ...]) -> str:
    """What a reader must know to read the table rightly."""
    fewest, most = min(row.rounds for row in rows), max(row.rounds for row in rows)
    rounds = f"{most}" if fewest == most else f"{fewest} to {most}"
    memset_from = elements_text(MEMSET_FROM_ELEMENTS)
    paragraphs = [
        f"a call: median of {rounds} rounds; in each, fastinit, NumPy and memset take turns on one array.",
        "ratio: NumPy's time / fastinit's time in the same round, the median.  GB/s: bytes of the array written.",
        f"of memset: the fill's speed against memset's, which only writes. Told from {memset_from} elements on: "
        "below, calling memset takes longer than the writing.",
        "NumPy: numpy.random.Generator(PCG64), scaled in place, every buffer allocated beforehand.",
    ]
    if any(row.draw == "truncated normal" for row in rows):
        paragraphs.append(
            "truncated normal: cut at two standard deviations. numpy.random has none; what is drawn beyond is drawn "
            "again, which needs buffers of its own."
        )
    if any(row.dtype not in DRAWN_BY_NUMPY for row in rows):
        paragraphs.append("16-bit floats: numpy.random draws none; float32 is drawn and scaled, then converted.")
    paragraphs += [f"{dtype}: left out, as it needs ml_dtypes, which is not installed." for dtype in missing]
    noisy = sum(row.noisy for row in rows)
    if noisy > NOISY_ROWS * len(rows):
        paragraphs.append(
            f"WARNING: a noisy run. In {noisy} of {len(rows)} rows the middle half of the ratios spreads over more "
            f"than {NOISY_SPREAD:.0%} of the median; run it again on a quieter machine."
        )
    return "\n".join(textwrap.fill(text, WIDTH, subsequent_indent="  ") for text in paragraphs)
