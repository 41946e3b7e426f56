"""Durations as an operator writes and reads them: `45s`, `30m`, `24h`, `90d`, `2w`; `3 h 12 min`."""

import re

from triggers_api.errors import ConfigurationError

_FORM = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_duration(text: str) -> int:
    """Return a duration in seconds.

    Raises:
        ConfigurationError: The text is not a number with one of the units s, m, h, d and w.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise ConfigurationError(
            f"{text!r} is not a duration.", hint="Write a number and s, m, h, d or w: 45s, 24h, 90d."
        )
    return int(match[1]) * _SECONDS[match[2]]


def in_words(seconds: int) -> str:
    """Return a duration in its two largest units: `45 s`, `3 h 12 min`, `6 d 20 h`."""
    amounts = {
        "d": seconds // 86_400,
        "h": seconds // 3600 % 24,
        "min": seconds // 60 % 60,
        "s": seconds % 60,
    }
    units = list(amounts)
    largest = next((unit for unit in units if amounts[unit]), "s")
    shown = units[units.index(largest) :][:2]
    return " ".join(f"{amounts[unit]} {unit}" for unit in shown if amounts[unit] or unit == largest)
