"""Test a hook: post a signed sample to its URL, as its provider would, and look for the event."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import TYPE_CHECKING

import httpx

from triggers_api.core.events import Event
from triggers_api.core.hooks.records import HookRecord
from triggers_api.core.maintenance import ANY
from triggers_api.core.paging import Filter
from triggers_api.core.times import Clock, format_time, seconds, system_clock
from triggers_api.errors import ChecksFailedError
from triggers_api.ops.events.walk import walk
from triggers_api.ops.hook_delivery.failures import Answer, explain_answer
from triggers_api.ops.hook_delivery.samples import Sample, signed_sample
from triggers_api.ops.hook_delivery.urls import hook_url
from triggers_api.ops.hooks.states import testable_preset
from triggers_api.ops.http_client import make_client, read_body
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.ops.smoke.check_errors import explain_no_response

if TYPE_CHECKING:
    from triggers_api.core.ports import EventStore

PATIENCE_SECONDS = 15.0
"""How long the answer may take, and then the event: an index of DynamoDB shows it a moment later."""

_PAUSE_SECONDS = 0.5
_CLOCKS_DIFFER_SECONDS = 3600
_MOST_EVENTS = 500


@dataclass(frozen=True, slots=True)
class Delivered:
    """A sample that was stored as an event."""

    event: Event
    delivery_id: str
    milliseconds: int


class HookTest:
    """Posts a sample to a hook.

    Args:
        base: The URL of the API.
        ca_bundles: See `make_client`.
        transport: Sends the requests in place of the network.
        clock: The time.
        sleep: Waits, for a number of seconds.
    """

    def __init__(
        self,
        base: str,
        *,
        ca_bundles: Sequence[str] = (),
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock = system_clock,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base = base
        self._ca_bundles = ca_bundles
        self._transport = transport
        self._clock = clock
        self._sleep = sleep

    def run(self, hook_id: str, record: HookRecord, events: "EventStore") -> Delivered:
        """Post a sample, and return its event, which nothing acknowledges.

        Raises:
            ChecksFailedError: The hook is revoked or has no secret yet, the service did not answer 200,
                or the event is not in the store.
        """
        preset = testable_preset(record)
        started = self._clock()
        sample = signed_sample(record, preset, now=started)
        answer = asyncio.run(self._post(hook_url(self._base, hook_id), sample))
        now = seconds(self._clock())
        if failure := explain_answer(answer, record, preset, base=self._base, now=now):
            raise ChecksFailedError(
                f"The service answered {answer.status} to a signed sample.",
                reason=failure[0],
                hint=failure[1],
            )
        event = self._find(events, record, sample, started)
        return Delivered(event, sample.delivery_id, answer.milliseconds)

    async def _post(self, url: str, sample: Sample) -> Answer:
        headers = {name.encode(): value.encode("latin-1") for name, value in sample.headers.items()}
        params = sample.query or None
        request = httpx.Request("POST", url, headers=headers, params=params, content=sample.body)
        bundles, transport = self._ca_bundles, self._transport
        try:
            async with (
                asyncio.timeout(PATIENCE_SECONDS),
                make_client(self._base, bundles, transport, program="triggers-hooks") as client,
            ):
                started = time.monotonic()
                response = await client.send(request, stream=True)
                content = await read_body(response)
                milliseconds = round((time.monotonic() - started) * 1000)
        except TimeoutError:
            raise ChecksFailedError(
                f"{self._base} did not answer within {PATIENCE_SECONDS:.0f} seconds.",
                reason="the service does not run there, or is overloaded",
                hint=f"Check that it runs: `{triggers_command('dev')}` here, "
                f"`{triggers_command('status')}` on AWS.",
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            found = explain_no_response(error, "the delivery", "")
            # Without its cause: the URL in it is a secret.
            raise ChecksFailedError(
                f"There is no answer from {self._base}.", reason=found.saw, hint=found.fix
            ) from None
        return Answer(response.status_code, not content, _date_of(response), milliseconds)

    def _find(self, events: "EventStore", record: HookRecord, sample: Sample, started: int) -> Event:
        since = format_time(started - _CLOCKS_DIFFER_SECONDS * 1_000_000)
        wanted = Filter(ANY, record.source, (), since)
        pauses = int(PATIENCE_SECONDS / _PAUSE_SECONDS)
        for attempt in range(pauses + 1):
            if attempt:
                self._sleep(_PAUSE_SECONDS)
            for event in islice(walk(events, self._clock, wanted, newest_first=True), _MOST_EVENTS):
                if event.webhook is not None and event.webhook.body == sample.body:
                    return event
        raise ChecksFailedError(
            f"The service answered 200, but the event is not among the newest of source {record.source}.",
            reason="a consumer has deleted it already, or the service at the URL works with another store",
            hint=f"Check --public-url, or see the newest: {triggers_command('events list', '--newest')}",
        )


def _date_of(response: httpx.Response) -> float | None:
    try:
        return parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
    except (TypeError, ValueError):
        return None
