"""The parts that the endpoints work with: the inbox, the authenticator, and how to make a blocking call."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ParamSpec, TypeVar

import anyio
import anyio.to_thread
from fastapi import Depends, Request

from triggers_api.api.authenticator import Authenticator
from triggers_api.core import deadline
from triggers_api.core.inbox import Inbox
from triggers_api.core.times import Clock
from triggers_api.errors import DeadlineExceededError

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Service:
    """The service over its stores. `in_threads`: one process serves many requests at a time."""

    inbox: Inbox
    authenticator: Authenticator
    clock: Clock
    in_threads: bool

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make a call that may block, in a worker thread if `in_threads`.

        Raises:
            DeadlineExceededError: The request's time is up. The thread is left to finish on its own.
        """
        if not self.in_threads:
            return call(*args, **kwargs)
        try:
            with anyio.fail_after(deadline.remaining()):
                return await anyio.to_thread.run_sync(partial(call, *args, **kwargs), abandon_on_cancel=True)
        except TimeoutError:
            raise DeadlineExceededError("The request's time is up.") from None


async def get_service(request: Request) -> Service:
    """Return the service of the app that serves a request."""
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(get_service)]
