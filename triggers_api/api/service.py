"""What the routes work with: the inbox, the door, and the way in which a blocking call is made."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

import anyio
import anyio.to_thread
from starlette.requests import Request

from triggers_api.api.auth import Authenticator, refused
from triggers_api.api.context import here
from triggers_api.core import deadline
from triggers_api.core.inbox import Inbox
from triggers_api.core.keys import KeyRecord
from triggers_api.core.times import Clock
from triggers_api.errors import DeadlineExceededError

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of the service. `in_threads`: one process serves many requests at a time."""

    inbox: Inbox
    authenticator: Authenticator
    clock: Clock
    in_threads: bool

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make a call that may block. In a thread it is left behind when the request's time is up."""
        if not self.in_threads:
            return call(*args, **kwargs)
        try:
            with anyio.fail_after(deadline.remaining()):
                return await anyio.to_thread.run_sync(partial(call, *args, **kwargs), abandon_on_cancel=True)
        except TimeoutError:
            raise DeadlineExceededError("The request's time is up.") from None


def service_of(request: Request) -> Service:
    """Return the service of the app that serves this request."""
    found: Service = request.app.state.service
    return found


async def let_in(request: Request) -> tuple[Service, KeyRecord]:
    """Return the service, and the record of the request's key; `UnauthorizedError` without a good one.

    Endpoints call it before they look at anything else: authentication precedes validation.
    """
    keys = request.headers.getlist("x-api-key")
    if len(keys) != 1:
        raise refused()
    service = service_of(request)
    record = service.authenticator.recall(keys[0])
    if record is None:
        record = await service.run(service.authenticator.look_up, keys[0])
    context = here()
    context.key_id, context.source = record.id, record.source
    return service, record
