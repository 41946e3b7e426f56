"""The expressions of a request to DynamoDB, with the names and values that they use.

In an expression `#ttl` is the attribute `ttl`, and `:now` is the value `now`. Attributes are always written
like this, because DynamoDB reserves hundreds of words.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

Values = Mapping[str, str | int]

_NAME = re.compile(r"#(\w+)")
_VALUE = re.compile(r":(\w+)")


def expressions(values: Values, **parts: str) -> dict[str, Any]:
    """Return the expressions of a request, and the definitions of what they mention.

    Args:
        values: The values. Those that no expression mentions are dropped: DynamoDB rejects them.
        parts: The expressions by the names of their parameters. Empty expressions are left out.
    """
    request: dict[str, Any] = {name: text for name, text in parts.items() if text}
    names, used = _mentioned(" ".join(request.values()))
    if names:
        request["ExpressionAttributeNames"] = {f"#{name}": name for name in names}
    if used:
        request["ExpressionAttributeValues"] = {f":{name}": _attribute(values[name]) for name in used}
    return request


@lru_cache(maxsize=256)
def _mentioned(texts: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of the attributes and of the values."""
    return frozenset(_NAME.findall(texts)), frozenset(_VALUE.findall(texts))


def _attribute(value: str | int) -> dict[str, str]:
    return {"S": value} if isinstance(value, str) else {"N": str(value)}
