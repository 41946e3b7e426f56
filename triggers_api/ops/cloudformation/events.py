"""Follow the events of a stack from a starting point until its current operation finishes."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from triggers_api.errors import DeploymentError
from triggers_api.ops.cloudformation.models import Stack, StackEvent
from triggers_api.ops.shell_commands import triggers_command

POLL_SECONDS = 2.0
"""CloudFormation throttles early, and its limit is shared by all programs of an account."""

RETRY_PAUSES = (2.0, 4.0, 8.0, 16.0, 30.0, 30.0)
"""Seconds between the attempts of a call that has to outlast a short outage."""

T = TypeVar("T")


class EventStream:
    """The events of a stack that happen after the stream was opened.

    Open it before the operation is started, so that no event is missed and no older one is taken for new.
    """

    def __init__(self, client: Any, name: str, stack_id: str, *, sleep: Callable[[float], None]) -> None:
        self._client, self._name, self._stack_id, self._sleep = client, name, stack_id, sleep
        newest = client.describe_stack_events(StackName=stack_id)["StackEvents"][:1]
        self._last_id = newest[0]["EventId"] if newest else None

    def follow(self) -> Iterator[StackEvent]:
        """Yield the events, oldest first, up to the stack's own final event.

        A stack that another user deletes reports no more events, so the stream ends with the stack.

        Raises:
            DeploymentError: CloudFormation could not be reached for a minute and a half.
        """
        while True:
            events = self._retry(self._new_events)
            for event in reversed(events):
                self._last_id = event.id
                yield event
                if event.is_final:
                    return
            if not events and self._retry(self._status) == "DELETE_COMPLETE":
                return
            self._sleep(POLL_SECONDS)

    def _new_events(self) -> list[StackEvent]:
        """Return the events since the last one, newest first."""
        events: list[StackEvent] = []
        for page in self._client.get_paginator("describe_stack_events").paginate(StackName=self._stack_id):
            for item in page["StackEvents"]:
                if item["EventId"] == self._last_id:
                    return events
                events.append(StackEvent.parse(item))
        return events

    def _status(self) -> str:
        (item,) = self._client.describe_stacks(StackName=self._stack_id)["Stacks"]
        return Stack.parse(item).status

    def _retry(self, call: Callable[[], T]) -> T:
        """Retry a call while the network or AWS fails; CloudFormation continues meanwhile."""
        for pause in RETRY_PAUSES:
            try:
                return call()
            except (ClientError, BotoCoreError):
                self._sleep(pause)
        try:
            return call()
        except (ClientError, BotoCoreError) as error:
            raise DeploymentError(
                f"Lost contact with CloudFormation while waiting for stack {self._name}.",
                reason=str(error),
                hint=f"CloudFormation continues without this command: {triggers_command('status')}",
            ) from error
