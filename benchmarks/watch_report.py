"""The tables and the plot of :mod:`.watch`."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.watch_cases import INTERVAL, Case, Figures
from devtools.virtual_time import LATENCY

PLOT = Path(__file__).parent.parent / "docs" / "images" / "watch.png"
NIGHTS = {"night, watch": "watch", "night, one by one 30 s": "one by one 30 s"}
LIMIT = 5000
UNRESERVED = 2500

COLUMNS = (
    "waits",
    "images",
    "foreign",
    "how",
    "req/h",
    "limit",
    "429s",
    "seen",
    "p50",
    "p95",
    "max",
    "all seen",
    "CPU s",
    "KiB",
    "stall ms",
)
HOW_TO_READ = f"""\
Times are DigitalOcean's. The interval is {INTERVAL:g} s, an answer takes {LATENCY} s. The clock
jumps from one event to the next, or runs at the speed that is told.
images    10 regions for each, or one
foreign   other actions in the account for each of the waits'
req/h     requests in the first hour; limit: their share of 5,000
429s      refused requests, by the simulator's journal
p50 ...   seconds from an action's end until its wait knew; with the watch, until it was proved
>         broken off after thousands of requests: ~ is the rate so far, the delays are those so far
CPU s     of the process that waits
KiB       most memory for each wait, less that of Airflow's own trigger that only sleeps
stall ms  longest turn of the event loop, in brackets on the processor, garbage collection left out
"""
LINES: dict[tuple[str, int], tuple[str, str, str]] = {
    ("one by one 30 s", 0): ("one by one, every 30 s", "tab:red", "o-"),
    ("one by one 10-60 s", 0): ("one by one, 10 s to 60 s", "tab:orange", "o-"),
    ("pydo 30 s", 0): ("pydo, every 30 s", "black", "x:"),
    ("watch", 10): ("watch, 10 foreign actions for each", "tab:cyan", "o-"),
    ("watch", 1): ("watch, 1 foreign action for each", "tab:blue", "o-"),
    ("watch", 0): ("watch, no foreign actions", "tab:green", "o-"),
}


def print_tables(
    console: Console, figures: Sequence[Figures], nights: Sequence[dict[str, Any]]
) -> None:
    """Print what was measured."""
    table = Table(*COLUMNS, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in table.columns:
        column.justify = "left" if column.header == "how" else "right"
        column.no_wrap = True
    last = None
    for one in figures:
        if last not in (None, one.case.waits):
            table.add_section()
        last = one.case.waits
        table.add_row(*_cells(one))
    console.print(table)
    console.print(HOW_TO_READ, highlight=False)
    console.print(_night_table(nights))


def _cells(one: Figures) -> list[str]:
    case = one.case
    broken_off = one.seen < case.waits
    delays = ["" if isnan(seconds) else f"{seconds:.0f}" for seconds in one.delay]
    memory = "" if one.bytes_per_wait is None else f"{max(one.bytes_per_wait, 0.0) / 1024:.1f}"
    return [
        f"{case.waits:,}",
        f"{max(case.waits // case.per_image, 1):,}" if case.way == "watch" else "",
        str(case.noise) if case.way == "watch" else "",
        case.way + (f", speed {case.speed:g}" if case.speed else ""),
        f"{'~' if broken_off else ''}{one.requests_per_hour:,.0f}",
        f"{one.requests_per_hour / LIMIT:.0%}",
        f"{one.refused:,}",
        f"{one.seen:,}",
        *delays,
        f"{'>' if broken_off else ''}{one.took / 60:.0f} min",
        f"{one.cpu:.1f}",
        memory,
        f"{one.stall[0]:.0f} ({one.stall[1]:.0f})",
    ]


def _night_table(nights: Sequence[dict[str, Any]]) -> Table:
    title = "A night: 100 images to 3 regions each, from the first look to the last proof"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for name in ("how", "looks before", "POSTs", "waits and proofs", "requests", "429s", "took"):
        table.add_column(name, justify="left" if name == "how" else "right")
    for night in nights:
        before = 2 * night["posts"]
        after = night["requests"] - before - night["posts"]
        counts = (before, night["posts"], after, night["requests"], night["refused"])
        took = f"{night['took'] / 60:.0f} min"
        table.add_row(NIGHTS[night["way"]], *(f"{count:,}" for count in counts), took)
    return table


def plot(figures: Sequence[Figures]) -> None:
    """Draw requests an hour over waits, ten regions an image."""
    drawing = Figure(figsize=(8, 5), layout="constrained")
    axes = drawing.subplots()
    for (way, noise), (label, color, style) in LINES.items():
        points = [
            (one.case.waits, one.requests_per_hour) for one in figures if _is(one.case, way, noise)
        ]
        axes.plot(*zip(*points, strict=True), style, label=label, color=color, markersize=5)
    for height, text in (
        (LIMIT, "the token's limit"),
        (UNRESERVED, "half of it is left to others"),
    ):
        axes.axhline(height, color="black", linewidth=1, linestyle="-" if height == LIMIT else ":")
        axes.text(1, height * 1.06, f"{height:,}: {text}", fontsize=8)
    axes.set(xscale="log", yscale="log", xlabel="actions waited for at once")
    axes.set(ylabel="requests an hour", title="What waiting costs (10 regions an image)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(0.0, 0.93))
    PLOT.parent.mkdir(exist_ok=True)
    drawing.savefig(PLOT, dpi=120, metadata={"Software": None})


def _is(case: Case, way: str, noise: int) -> bool:
    return case.way == way and case.noise == noise and case.per_image > 1
