"""Durations as an operator writes them on the command line: `45s`, `30m`, `24h`, `90d`, `2w`."""

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
