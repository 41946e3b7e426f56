"""Fit the cells of a table to the width of a terminal. No word breaks, and nothing is cut."""

from collections.abc import Sequence

MARGIN = " "
"""What stands to the left of each line. A table has as much to its right."""

_GAP = "  "
"""What stands between two cells, and before the second line of a row."""


def fitting_widths(lines: Sequence[tuple[str, ...]], width: int) -> list[int]:
    """Return a width for each column, in which cells fold between words; empty if a word would break."""
    columns = list(zip(*lines, strict=True))
    widths = _natural_widths(lines)
    smallest = [max((len(word) for cell in cells for word in cell.split()), default=0) for cells in columns]
    while _line_width(widths) + 2 * len(MARGIN) > width:
        slack = [one - least for one, least in zip(widths, smallest, strict=True)]
        column = slack.index(max(slack))
        if not slack[column]:
            return []
        widths[column] -= 1
    return widths


def two_line_rows(lines: Sequence[tuple[str, ...]], width: int) -> list[tuple[str, str]]:
    """Return each row as two lines with aligned columns, the second indented; empty if they do not fit.

    The columns are divided so that the lines are about as long as each other.
    """
    widths = _natural_widths(lines)
    divisions = {
        first: max(_line_width(widths[:first]), len(_GAP) + _line_width(widths[first:]))
        for first in range(1, len(widths))
    }
    first = min(divisions, key=divisions.__getitem__, default=0)
    if not first or len(MARGIN) + divisions[first] > width:
        return []
    padded = [[cell.ljust(one) for cell, one in zip(row, widths, strict=True)] for row in lines]
    return [(_joined(row[:first]), _GAP + _joined(row[first:])) for row in padded]


def _natural_widths(lines: Sequence[tuple[str, ...]]) -> list[int]:
    return [max(map(len, cells)) for cells in zip(*lines, strict=True)]


def _line_width(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _joined(cells: Sequence[str]) -> str:
    return _GAP.join(cells).rstrip()
