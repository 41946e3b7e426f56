"""What is known about the current request: its id, its principal, and the fields of its access log line.

A context variable, so that every line logged for the request carries its id, also in a worker thread.
"""

from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import uuid4

from triggers_api.core.access import Principal
from triggers_api.core.ids import REQUEST_ID
from triggers_api.core.keys import mask_keys


@dataclass(slots=True)
class RequestContext:
    """The id of a request, and what its endpoint adds for the access log line.

    `failed` counts the entries of a batch that failed. `own_key` is the API key that the request carries, if
    an operator chose that key: such a key cannot be recognised in a log line by its form.
    """

    request_id: str
    lambda_request_id: str | None = None
    own_key: str | None = field(default=None, repr=False)
    principal: Principal | None = None
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


def new_request_id() -> str:
    """Return a random UUID v4."""
    return str(uuid4())


def accepted_request_id(values: list[bytes], own_key: str | None = None) -> str:
    """Return the client's request id if the contract accepts it, else a new one.

    An id that holds an API key is not accepted: it would be logged.
    """
    if len(values) == 1 and REQUEST_ID.fullmatch(text := values[0].decode("latin-1")):
        return text if mask_keys(text, own_key) == text else new_request_id()
    return new_request_id()
