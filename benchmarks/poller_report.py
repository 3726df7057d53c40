"""Tables and plot of :mod:`.poller`."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from hashlib import sha256
from math import isnan
from pathlib import Path
from typing import Any

from benchmarks.poller_cases import LIMIT, ONE_BY_ONE, POLLER, UNRESERVED, Case, Figures

ROOT = Path(__file__).parent.parent
TABLES = ROOT / "docs" / "figures" / "poller.md"
PLOT = ROOT / "docs" / "images" / "poller.png"
SOURCES = (
    "airflow_provider_do_images/core/poller/*.py",
    "airflow_provider_do_images/core/wait/evaluate.py",
    "airflow_provider_do_images/core/wait/flow.py",
    "airflow_provider_do_images/api/**/*.py",
    "airflow_provider_do_images/triggers/*.py",
    "benchmarks/poller*.py",
    "benchmarks/waits.py",
    "devtools/virtual_time.py",
)
NIGHTS = {"night, poller": POLLER, "night, one loop per action": ONE_BY_ONE}
HEADS = ("waits", "images", "foreign", "how", "requests in the first hour", "of the limit", "429")
DELAYS = ("p50", "p95", "max", "bound of p95", "all seen after")
LINES: dict[tuple[str, int], tuple[str, str, str]] = {
    (ONE_BY_ONE, 0): ("one loop per action, every 30 s", "tab:red", "o-"),
    (POLLER, 10): ("shared poller, 10 foreign actions for each", "tab:cyan", "o-"),
    (POLLER, 0): ("shared poller, no foreign actions", "tab:green", "o-"),
}


def digest() -> str:
    """Return a digest of the code behind the figures, without comments and docstrings."""
    found = sha256()
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            tree = ast.parse(path.read_text())
            for node in ast.walk(tree):
                body = getattr(node, "body", None)
                if isinstance(body, list):
                    node.body = [one for one in body if not _is_text(one)]  # type: ignore[attr-defined]
                for name, value in list(ast.iter_fields(node)):
                    if value is None or value == []:  # Python 3.13 omits it, 3.11 does not
                        delattr(node, name)
            found.update(f"{path.relative_to(ROOT)}\n{ast.dump(tree)}\n".encode())
    return found.hexdigest()


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def write(figures: Sequence[Figures], nights: Sequence[dict[str, Any]]) -> None:
    """Write the table and the plot of the documentation."""
    TABLES.parent.mkdir(exist_ok=True)
    TABLES.write_text(f"<!-- code {digest()} -->\n\n{tables(figures, nights)}")
    plot(figures)


def tables(figures: Sequence[Figures], nights: Sequence[dict[str, Any]]) -> str:
    """Return the figures that do not depend on the machine, as Markdown."""
    before = ("how", "checks before", "POSTs", "polls and verification", "requests", "429", "took")
    return "\n".join(
        [
            *_table([*HEADS, *DELAYS], [_cells(one) for one in figures]),
            "",
            "100 images, each to 3 regions, one submit every 2 s:",
            "",
            *_table(before, [_night(night) for night in nights]),
            "",
        ]
    )


def machine_table(figures: Sequence[Figures]) -> str:
    """Return the figures of this machine: CPU time, and turns of the event loop."""
    rows = [(str(one.case), f"{one.cpu:.1f} s", f"{one.stall:.0f} ms") for one in figures]
    return "\n".join(_table(("case", "CPU", "longest turn of the event loop"), rows))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _cells(one: Figures) -> list[str]:
    case = one.case
    broken_off = one.seen < case.waits
    delays = ["" if isnan(seconds) else f"{seconds:.0f} s" for seconds in one.delay]
    how = case.way
    if case.spent:
        how += ", hour spent to the reserve"
    if case.triggerers > 1:
        how += f", {case.triggerers} triggerers"
    ours = case.way == POLLER
    return [
        f"{case.waits:,}",
        f"{case.images:,}" if ours else "",
        str(case.noise) if ours else "",
        how,
        f"{'about ' if broken_off else ''}{one.requests_per_hour:,.0f}",
        f"{one.requests_per_hour / LIMIT:.0%}",
        f"{one.refused:,}",
        *delays,
        f"{case.longest_p95:.0f} s" if ours else "",
        f"{'more than ' if broken_off else ''}{one.took / 60:.0f} min",
    ]


def _night(night: dict[str, Any]) -> list[str]:
    before = 2 * night["posts"]
    after = night["requests"] - before - night["posts"]
    counts = (before, night["posts"], after, night["requests"], night["refused"])
    cells = [f"{count:,}" for count in counts]
    return [NIGHTS[night["way"]], *cells, f"{night['took'] / 60:.0f} min"]


def plot(figures: Sequence[Figures]) -> None:
    """Plot the requests per hour over the waits, with ten regions per image."""
    from matplotlib.figure import Figure  # noqa: PLC0415  not needed by the tests

    drawing = Figure(figsize=(8, 5), layout="constrained")
    axes = drawing.subplots()
    for (way, noise), (label, color, style) in LINES.items():
        points = [
            (one.case.waits, one.requests_per_hour) for one in figures if _is(one.case, way, noise)
        ]
        axes.plot(*zip(*points, strict=True), style, label=label, color=color, markersize=5)
    for height, text in ((LIMIT, "the token's limit"), (UNRESERVED, "reserved above this")):
        axes.axhline(height, color="black", linewidth=1, linestyle="-" if height == LIMIT else ":")
        axes.text(1, height * 1.06, f"{height:,}: {text}", fontsize=8)
    axes.set(xscale="log", yscale="log", xlabel="actions waited for at the same time")
    axes.set(ylabel="requests per hour", title="What waiting costs (10 regions per image)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(0.0, 0.93))
    PLOT.parent.mkdir(exist_ok=True)
    drawing.savefig(PLOT, dpi=120, metadata={"Software": None})


def _is(case: Case, way: str, noise: int) -> bool:
    plain = case.triggerers == 1 and not case.spent
    return plain and case.way == way and case.noise == noise and case.per_image > 1
