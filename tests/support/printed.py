"""The commands that a text asks its reader to run, as a reader would copy them."""

import re
from collections.abc import Iterator

_NAMES = r"(?:[A-Z_]+=(?:'[^']*'|[^\s'])+ )*(?:aws|triggers) "
_COMMAND = re.compile(rf"`({_NAMES}[^`]+)`|(?<![\w./`-])({_NAMES}[a-z].*)$", re.MULTILINE)


def printed_commands(text: str) -> Iterator[str]:
    """Yield each command of the AWS CLI or of `triggers`: in backticks, or up to the end of its line."""
    for found in _COMMAND.finditer(text):
        yield found[1] or found[2]
