"""What is known of the request at hand: its id, and what its log line will say.

A context variable, so that every line logged on the request's behalf carries its id, also from a worker
thread.
"""

from contextvars import ContextVar
from dataclasses import dataclass
from uuid import uuid4

from triggers_api.core.ids import REQUEST_ID


@dataclass(slots=True)
class RequestContext:
    """The request's id, and the parts of its access line that its route fills in."""

    request_id: str
    lambda_request_id: str | None = None
    key_id: str | None = None
    source: str | None = None
    event_id: str | None = None


current: ContextVar[RequestContext | None] = ContextVar("request", default=None)


def request_id() -> str:
    """Return the id of the request at hand."""
    context = current.get()
    return context.request_id if context else new_request_id()


def here() -> RequestContext:
    """Return the context of the request at hand."""
    context = current.get()
    assert context is not None  # noqa: S101 - the outermost middleware sets it
    return context


def new_request_id() -> str:
    """Return a random UUID v4."""
    return str(uuid4())


def accepted_request_id(values: list[bytes]) -> str:
    """Return the client's id where it sent one that the contract takes, else a new one."""
    if len(values) == 1 and REQUEST_ID.fullmatch(text := values[0].decode("latin-1")):
        return text
    return new_request_id()
