"""The inbox of an API for `triggers listen`, over HTTP with an API key."""

import asyncio
import json
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import httpx

from triggers_api.core.paging import Filter
from triggers_api.core.strict_json import dump, parse_text, split_list
from triggers_api.errors import InvalidJsonError, StoreUnavailableError
from triggers_api.ops.http_client import make_client, read_body
from triggers_api.ops.listen.http_errors import call_error, entry_error, not_understood
from triggers_api.ops.listen.inboxes import EventPage, InboxEvent, Received

_CALL_SECONDS = 30
"""API Gateway gives up on a function after 29 seconds."""

_KEEP_AS_TEXT = ("payload", "metadata")


class HttpInbox:
    """The pending events of an API that match a filter."""

    def __init__(
        self,
        url: str,
        key: str,
        wanted: Filter,
        *,
        ca_bundles: tuple[str, ...] = (),
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Prepare the client.

        Args:
            url: The base URL, as `urls.base_url` returns it.
            key: An API key with the scope `consume`.
            wanted: A filter of pending events.
            ca_bundles: Certificate authorities to trust besides the usual ones.
            transport: Sends the requests in place of the network.

        Raises:
            ConfigurationError: The proxy or certificate settings in the environment cannot be used.
        """
        self._client = make_client(url, ca_bundles, transport, program="triggers-listen")
        self._key = key
        self._wanted = wanted

    async def page(self, cursor: str | None, *, limit: int = 100) -> EventPage:
        """Call `GET /v1/inbox`."""
        wanted = self._wanted
        values = [
            ("limit", limit),
            ("source", wanted.source),
            *(("event_type", one) for one in wanted.event_types),
            ("since", wanted.since),
            ("cursor", cursor),
        ]
        params = [(name, value) for name, value in values if value is not None]
        answer, events = _parse_events(await self._call("GET", "/v1/inbox", params=params))
        pagination = answer.get("pagination")
        return EventPage(events, pagination.get("next_cursor") if isinstance(pagination, dict) else None)

    async def receive(self, limit: int, lease_seconds: int, event_type: str | None) -> Received:
        """Call `POST /v1/inbox/receive`."""
        values = {
            "max": limit,
            "lease_seconds": lease_seconds,
            "source": self._wanted.source,
            "event_type": event_type,
        }
        body = {name: value for name, value in values.items() if value is not None}
        answer, events = _parse_events(await self._call("POST", "/v1/inbox/receive", json=body))
        return Received(events, bool(answer.get("more")))

    async def with_body(self, event: InboxEvent) -> InboxEvent:
        """Call `GET /v1/events/{event_id}/body`, for a webhook only.

        A 404 leaves the event as it is: it was deleted meanwhile, or an older version of the API answers.
        """
        if event.webhook is None:
            return event
        status, content = await self._send("GET", f"/v1/events/{event.event_id}/body")
        if status == HTTPStatus.NOT_FOUND:
            return event
        if status != HTTPStatus.OK:
            raise call_error(status)
        return replace(event, body=content)

    async def acknowledge(self, event: InboxEvent) -> None:
        """Call `POST /v1/inbox/ack`."""
        await self._change("/v1/inbox/ack", event)

    async def extend(self, event: InboxEvent, lease_seconds: int) -> None:
        """Call `POST /v1/inbox/extend`."""
        await self._change("/v1/inbox/extend", event, lease_seconds=lease_seconds)

    async def release(self, event: InboxEvent, delay_seconds: int) -> bool:
        """Call `POST /v1/inbox/release`."""
        result = await self._change("/v1/inbox/release", event, delay_seconds=delay_seconds)
        return bool(result.get("event_status") == "dead")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _change(self, path: str, event: InboxEvent, **members: int) -> dict[str, Any]:
        """Change one event, and return its result."""
        entry = {"event_id": event.event_id, "lease": event.lease}
        content = await self._call("POST", path, json={"events": [entry], **members})
        try:
            result: dict[str, Any] = parse_text(content.decode())["results"][0]
            status, error = int(result["status"]), result.get("error", {})
            message = str(error.get("message", ""))
            code = error.get("code")
        except (AttributeError, InvalidJsonError, LookupError, TypeError, ValueError):
            raise not_understood() from None
        if status != HTTPStatus.OK:
            raise entry_error(status, code, message)
        return result

    async def _call(self, method: str, path: str, **arguments: Any) -> bytes:
        status, content = await self._send(method, path, **arguments)
        if status != HTTPStatus.OK:
            raise call_error(status)
        return content

    async def _send(self, method: str, path: str, **arguments: Any) -> tuple[int, bytes]:
        headers = {"X-API-Key": self._key}
        try:
            async with (
                asyncio.timeout(_CALL_SECONDS),
                self._client.stream(method, path, headers=headers, **arguments) as response,
            ):
                content = await read_body(response)
        except TimeoutError:
            raise StoreUnavailableError("The API does not answer.", reason=f"{_CALL_SECONDS} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise StoreUnavailableError(
                "The API cannot be reached.",
                reason=type(error).__name__,
                hint="Check --url and the network.",
            ) from None
        return response.status_code, content


def _parse_events(content: bytes) -> tuple[dict[str, Any], list[InboxEvent]]:
    """Return the other members of an answer, and its events with their payloads as they were sent."""
    try:
        rest, texts = split_list(content)
        answer = parse_text(rest)
        answer.keys()
        return answer, [_parse_event(text) for text in texts]
    except (AttributeError, InvalidJsonError, LookupError, TypeError, ValueError):
        raise not_understood() from None


def _parse_event(text: str) -> InboxEvent:
    members = parse_text(text, verbatim=_KEEP_AS_TEXT)
    webhook = json.loads(members["metadata"]).get("webhook")
    return InboxEvent(
        event_id=str(members["event_id"]),
        created_at=str(members["created_at"]),
        source=str(members["source"]),
        event_type=str(members["event_type"]),
        payload=str(members["payload"]),
        metadata=str(members["metadata"]),
        deliveries=int(members["deliveries"]),
        lease=members["lease"]["token"] if "lease" in members else None,
        webhook=None if webhook is None else dump(webhook),
    )
