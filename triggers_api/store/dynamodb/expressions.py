"""The expressions of a request to DynamoDB, with the names and values that they use.

In an expression `#ttl` is the attribute `ttl`, and `:now` is the value `now`. Attributes are always written
like this, because DynamoDB reserves hundreds of words.
"""

import re
from collections.abc import Mapping
from typing import Any

Values = Mapping[str, str | int]

_NAME = re.compile(r"#(\w+)")
_VALUE = re.compile(r":(\w+)")


def expressions(values: Values, **parts: str) -> dict[str, Any]:
    """Return the expressions of a request, and the definitions of what they mention.

    Args:
        values: The values. DynamoDB refuses one that no expression mentions, so only the others are sent.
        parts: The expressions by the names of their parameters. An empty one is left out.
    """
    request: dict[str, Any] = {name: text for name, text in parts.items() if text}
    texts = " ".join(request.values())
    names = set(_NAME.findall(texts))
    used = set(_VALUE.findall(texts))
    if names:
        request["ExpressionAttributeNames"] = {f"#{name}": name for name in names}
    if used:
        request["ExpressionAttributeValues"] = {f":{name}": _attribute(values[name]) for name in used}
    return request


def _attribute(value: str | int) -> dict[str, str]:
    return {"S": value} if isinstance(value, str) else {"N": str(value)}
