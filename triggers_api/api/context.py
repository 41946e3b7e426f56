"""What is known about the current request: its id, its principal, and the fields of its access log line.

A context variable, so that every line logged for the request carries its id, also in a worker thread.
"""

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from triggers_api.core.access import Principal
from triggers_api.core.ids import REQUEST_ID
from triggers_api.core.keys import is_own_key, mask_keys

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(slots=True)
class RequestContext:
    """The id of a request, and what its endpoint adds for the access log line.

    `failed` counts the entries of a batch that failed. `own_key` is the API key that the request carries, if
    an operator chose that key: such a key cannot be recognised in a log line by its form. `key_id` names the
    key if it has a record, `hook_id` the hook of the path, and `refusal` is why the request is refused. These
    three are for the log, never for the answer.
    """

    request_id: str
    lambda_request_id: str | None = None
    own_key: str | None = field(default=None, repr=False)
    principal: Principal | None = None
    key_id: str | None = None
    hook_id: str | None = None
    refusal: str | None = None
    source: str | None = None
    event_ids: list[str] = field(default_factory=list)
    failed: int = 0


current: ContextVar[RequestContext | None] = ContextVar("request", default=None)


def request_id() -> str:
    """Return the id of the current request, or a new one outside of a request."""
    context = current.get()
    return context.request_id if context else new_request_id()


def request_context() -> RequestContext:
    """Return the context of the current request, which the boundary created."""
    context = current.get()
    assert context is not None  # noqa: S101 - the outermost layer sets it
    return context


def own_key() -> str | None:
    """Return the key of the current request if an operator chose it. None outside of a request."""
    context = current.get()
    return context.own_key if context else None


def new_request_id() -> str:
    """Return a random UUID v4."""
    return str(uuid4())


def header_values(headers: Headers, name: bytes) -> list[str]:
    """Return the values of all headers of a name, which is in lower case."""
    return [value.decode("latin-1") for one, value in headers if one == name]


def own_key_in(headers: Headers) -> str | None:
    """Return the API key of a request if an operator chose that key."""
    keys = header_values(headers, b"x-api-key")
    return keys[0] if len(keys) == 1 and is_own_key(keys[0]) else None


def accepted_request_id(headers: Headers) -> str:
    """Return the client's request id if the contract accepts it, else a new one.

    An id that holds an API key is not accepted: it would be logged.
    """
    headers = list(headers)
    ids = header_values(headers, b"x-request-id")
    if len(ids) == 1 and REQUEST_ID.fullmatch(ids[0]) and mask_keys(ids[0], own_key_in(headers)) == ids[0]:
        return ids[0]
    return new_request_id()


def shared_request_id(scope: Any) -> str:
    """Return the id of a request: the same one for the app, and for a server that refuses the request.

    Args:
        scope: The ASGI scope, in the type of the framework or of the server.
    """
    state = scope.setdefault("state", {})
    if "request_id" not in state:
        state["request_id"] = accepted_request_id(scope["headers"])
    return str(state["request_id"])
