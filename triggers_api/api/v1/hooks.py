"""The endpoint of hooks: a provider posts webhooks to it, without an API key.

A provider learns little from an answer: many repeat after every status but 2xx, and a 4xx makes some of them
switch the hook off. So a delivery that is stored, or was stored before, is a 200 without a body. A hook that
cannot check it, and a store that fails, are a 503. The log has the reason of every refusal.
"""

import logging
from contextlib import suppress
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Path, Request, Response

from triggers_api.api.content_coding import inflate, is_gzip
from triggers_api.api.context import RequestContext, request_context
from triggers_api.api.documented_errors import BAD_SIGNATURE, NO_HOOK, UNUSABLE_HOOK, errors
from triggers_api.api.service import Service, ServiceDep
from triggers_api.api.strict_request import LARGE_BODY_BYTES, StrictRequest, body_too_large
from triggers_api.api.workers import Lane
from triggers_api.core.hooks.receiving import SECRET_MISSING, Answer
from triggers_api.core.hooks.records import HookRecord, hook_digest_of, is_hook_id, short_id_of
from triggers_api.core.hooks.schemes import HookRequest
from triggers_api.core.strict_json import MAX_BODY_BYTES
from triggers_api.errors import (
    CorruptRecordError,
    HookUnusableError,
    NotFoundError,
    PayloadTooLargeError,
    SignatureError,
    UnsupportedMediaTypeError,
)

logger = logging.getLogger("triggers_api.auth")

HookId = Annotated[str, Path(description="The id of a hook, which is secret.", examples=["hook_" + "x" * 43])]

router = APIRouter(prefix="/v1/hooks", tags=["hooks"], generate_unique_id_function=lambda route: route.name)


@router.post(
    "/{hook_id}",
    summary="Deliver a webhook",
    response_class=Response,
    response_description="The delivery is stored durably, now or earlier. The body is empty.",
    responses=errors(
        401, 404, 413, 503, public=True, instead={401: BAD_SIGNATURE, 404: NO_HOOK, 503: UNUSABLE_HOOK}
    ),
)
async def deliver_webhook(request: Request, service: ServiceDep, hook_id: HookId) -> Response:
    """Store a delivery of a provider as an event, once, if its signature is right.

    The body may be anything of up to 400 KiB. A delivery with the id of an earlier one within 7 days is
    answered 200 and not stored again, whatever its body; without an id, an equal body within an hour. Query
    parameters are ignored. The answer to Slack's `url_verification` is its challenge. `OPTIONS` with a
    `WebHook-Request-Origin` header is answered as CloudEvents' HTTP 1.1 Web Hooks asks.
    """
    context = _context_of(hook_id)
    try:
        delivery = await _read(request)
        lane = Lane.LARGE_BODY if len(delivery.body) > LARGE_BODY_BYTES else Lane.SHORT
        answer = await service.run(_receive, service, hook_id, delivery, lane=lane)
    except PayloadTooLargeError:
        context.refusal = "too large"
        raise
    if answer.challenge is not None:
        return Response(answer.challenge, media_type="text/plain")
    return Response()


@router.options(
    "/{hook_id}",
    include_in_schema=False,
)
async def allow_webhooks(service: ServiceDep, hook_id: HookId) -> Response:
    """Consent to deliveries, as "HTTP 1.1 Web Hooks for Event Delivery" of CloudEvents asks.

    A request without a `WebHook-Request-Origin` header does not get here: it is the preflight of a web page.
    """
    _context_of(hook_id)
    await service.run(_find, service, hook_id)
    headers = {"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "*", "Allow": "OPTIONS, POST"}
    return Response(headers=headers)


def _context_of(hook_id: str) -> RequestContext:
    """Return the context of the request, with the short id of the hook for the log."""
    context = request_context()
    if is_hook_id(hook_id):
        context.hook_id = short_id_of(hook_digest_of(hook_id))
    return context


async def _read(request: Request) -> HookRequest:
    """Read a delivery. Headers of one name are joined, as RFC 9110, 5.3 allows.

    Raises:
        PayloadTooLargeError: The body is too large.
    """
    reader = StrictRequest(request.scope, request.receive)
    body = await reader.read_raw_body(MAX_BODY_BYTES)
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    query = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
    # The gateway inflates a body before it arrives here, so what is signed can only be what is inside.
    with suppress(UnsupportedMediaTypeError):
        if is_gzip(request.headers.getlist("content-encoding")):
            body = inflate(body, MAX_BODY_BYTES)
    if len(body) > MAX_BODY_BYTES:
        raise body_too_large(MAX_BODY_BYTES)
    return HookRequest(headers, query, body)


def _receive(service: Service, hook_id: str, delivery: HookRequest) -> Answer:
    context = request_context()
    hook = _find(service, hook_id)
    reason = service.hook_intake.refusal(hook, delivery)
    if reason is not None:  # perhaps the hook has a new secret
        hook = _find(service, hook_id, again=True)
        reason = service.hook_intake.refusal(hook, delivery)
    context.source = hook.source
    if reason is not None:
        context.refusal = reason
        raise _refused(reason)
    try:
        answer = service.hook_intake.receive(hook, delivery)
    except CorruptRecordError as error:
        logger.exception("delivery cannot be checked", extra={"fields": {"reason": error.message}})
        raise HookUnusableError("This delivery cannot be checked right now.") from error
    if answer.receipt is not None:
        context.event_ids = [answer.receipt.event_id]
    return answer


def _find(service: Service, hook_id: str, *, again: bool = False) -> HookRecord:
    try:
        return service.hooks.find(hook_id, again=again)
    except (HookUnusableError, NotFoundError) as error:
        request_context().refusal = error.reason
        raise


def _refused(reason: str) -> HookUnusableError | SignatureError:
    if reason == SECRET_MISSING:
        return HookUnusableError("This hook has no signing secret yet.")
    return SignatureError("The signature of this delivery is not valid.", reason=reason)
