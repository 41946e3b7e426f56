"""The end of a run: the table, the file, and the limits that may not get worse."""

import platform
import tomllib
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.goals import GOALS, met
from tests.bench.samples import Row, Sample

LIMITS = Path(__file__).with_name("limits.toml")
_WORDS = {True: "met", False: "missed", None: ""}


def show(rows: list[Row], console: Console, *, quick: bool) -> None:
    """Print the table; a quick run, of fewer requests and shorter backlogs, meets and misses no goal."""
    table = Table("measure", box=None, header_style="bold", pad_edge=False)
    for name in ("product", "baseline", "ratio"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("goal", no_wrap=True)
    table.add_column("met?", no_wrap=True)
    for row in rows:
        table.add_row(
            f"{row.measure}, {row.unit}" if row.unit else row.measure,
            text_of(row.product),
            text_of(row.beside) if row.beside else "",
            f"{row.ratio:.2f}x" if row.ratio is not None else "",
            str(GOALS.get(row.key, "")),
            "" if quick else _WORDS[met(row)],
        )
    console.print(table)


def text_of(sample: Sample) -> str:
    """Return the median, and the quartiles where there are several values."""
    if len(sample.values) == 1:
        return _number(sample.median)
    first, third = sample.quartiles
    return f"{_number(sample.median)} ({_number(first)} to {_number(third)})"


def as_json(rows: list[Row], *, quick: bool) -> dict[str, Any]:
    """Return all figures, and what they were measured with."""
    return {
        "python": platform.python_version(),
        "quick": quick,
        "rows": [
            {
                "key": row.key,
                "measure": row.measure,
                "unit": row.unit,
                "product": _spread(row.product),
                "baseline": row.beside and _spread(row.beside),
                "ratio": row.ratio,
                "goal": str(GOALS[row.key]) if row.key in GOALS else None,
                "met": None if quick else met(row),
            }
            for row in rows
        ],
    }


def worse_than_limits(rows: list[Row], limits: Path = LIMITS) -> list[str]:
    """Return one line for each structural figure that is over its limit, or that was not measured."""
    figures = {row.key: row.product.median for row in rows}
    found = []
    for key, limit in tomllib.loads(limits.read_text(encoding="utf-8"))["limits"].items():
        if key not in figures:
            found.append(f"{key}: not measured; the limit is {limit}")
        elif figures[key] > limit:
            found.append(f"{key}: {_number(figures[key])} is over the limit of {limit}")
    return found


def _spread(sample: Sample) -> dict[str, Any]:
    first, third = sample.quartiles
    return {"median": sample.median, "quartiles": [first, third], "runs": len(sample.values)}


def _number(value: float) -> str:
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:,.0f}"
