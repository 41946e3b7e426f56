"""The parts that endpoints work with: the operations of the inbox, the authenticator, the worker threads."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, TypeVar, TypeVarTuple

from fastapi import Depends, Request

from triggers_api.api.authenticator import Authenticator
from triggers_api.api.hook_finder import HookFinder
from triggers_api.api.workers import Lane, Workers
from triggers_api.core.hooks.receiving import HookIntake
from triggers_api.core.inbox import Inbox
from triggers_api.core.intake import Intake
from triggers_api.core.maintenance import Maintenance
from triggers_api.core.times import Clock

Arguments = TypeVarTuple("Arguments")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Service:
    """The service over its stores. `workers`: None if the process serves one request at a time, as in Lambda.

    There a thread pool, which Mangum's new loop would start for each request, cost 1.2 ms.
    """

    intake: Intake
    inbox: Inbox
    maintenance: Maintenance
    authenticator: Authenticator
    hook_intake: HookIntake
    hooks: HookFinder
    clock: Clock
    workers: Workers | None

    async def run(
        self, call: Callable[[*Arguments], T], *arguments: *Arguments, lane: Lane = Lane.SHORT
    ) -> T:
        """Make a call that blocks or computes, in a worker thread if there are any.

        Args:
            call: The call. It may not wait for the event loop.
            arguments: The arguments of the call.
            lane: The threads that make it.

        Raises:
            OverloadedError: More requests wait than can be served in time.
            DeadlineExceededError: The request's time is up. The thread is left to finish on its own.
        """
        if self.workers is None:
            return call(*arguments)
        return await self.workers.run(lane, partial(call, *arguments))


async def get_service(request: Request) -> Service:
    """Return the service of the app that serves a request."""
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(get_service)]
