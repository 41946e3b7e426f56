"""Checks of request ids, CORS, caching and HEAD (requirements, sections 7.7 and 7.8), without a key.

The allowed origin may be narrowed (`CorsAllowOrigin`): `*` is right, and so is one origin if it is the same
in every response and not an echo of the origin that asks. `triggers dev` echoes the origins of its machine,
and allows no other.
"""

from uuid import uuid4

from triggers_api.ops.smoke.api_response import ApiResponse, is_random_uuid
from triggers_api.ops.smoke.check_context import Check, CheckContext

_FOREIGN_ORIGIN = "https://smoke-test.example"
_LOCAL_ORIGIN = "http://localhost:3000"
_METHODS = {"get", "head", "post", "delete", "options"}
_HEADERS = {"content-type", "content-encoding", "x-api-key", "x-request-id", "idempotency-key"}
_EXPOSED = {"x-request-id", "retry-after", "idempotent-replayed", "allow", "www-authenticate"}
_MAX_AGE = "3600"
_NO_PATH = "/v1/no-such-path"
_NO_STORE = "Cache-Control: no-store"


async def _given_id(context: CheckContext) -> None:
    given = f"{context.source}-given"
    response = await context.call("GET", "/v1/health", with_key=False, headers={"X-Request-ID": given})
    response.require(
        response.header("X-Request-ID") == given, f"X-Request-ID: {given}", "another id, or none"
    )
    response.require(response.text("request_id") == given, f"request_id {given}", "another id, or none")


async def _generated_id(context: CheckContext) -> None:
    ids = []
    for _ in range(2):
        response = await context.call("GET", "/v1/health", with_key=False, with_id=False)
        generated = response.header("X-Request-ID")
        response.require(is_random_uuid(generated), "X-Request-ID, a UUID v4", "another form, or none")
        response.require(
            response.text("request_id") == generated, "the same request_id in the body", "another id, or none"
        )
        ids.append(generated)
    response.require(ids[0] != ids[1], "a new id for each request", "the same id for two requests")


async def _id_of_errors(context: CheckContext) -> None:
    responses = [
        await context.call("GET", _NO_PATH, with_key=False),
        await context.call("GET", "/v1/inbox", with_key=False, params={"limit": 1}),
        await context.ingest(body=b"no JSON"),
        await context.call("POST", f"/v1/events/{uuid4()}/ack"),
    ]
    errors = [response for response in responses if response.status >= 400]  # noqa: PLR2004 - HTTP's errors
    responses[0].require(bool(errors), "an error for a path that does not exist", str(responses[0]))
    for error in errors:
        in_body, in_header = error.nested("error").get("request_id"), error.header("X-Request-ID")
        error.require(bool(in_body), "error.request_id in the body", f"none, in {error}")
        error.require(
            in_header == in_body, "the same X-Request-ID in the header", f"another id or none, in {error}"
        )


async def _preflight(context: CheckContext) -> None:
    origin = await _allowed_origin(context)
    response = await _send_preflight(context, origin)
    response.require(response.status in {200, 204}, "200 or 204")
    _require_origin(response)
    methods = _names(response, "Access-Control-Allow-Methods")
    response.require(methods >= _METHODS, "the methods GET, HEAD, POST, DELETE and OPTIONS", "fewer, or none")
    missing = sorted(_HEADERS - _names(response, "Access-Control-Allow-Headers"))
    response.require(
        not missing, "every header of the contract allowed", f"not allowed: {', '.join(missing)}"
    )
    age = response.header("Access-Control-Max-Age")
    response.require(age == _MAX_AGE, f"Access-Control-Max-Age: {_MAX_AGE}", "another age, or none")


async def _cors(context: CheckContext) -> None:
    """Check a response and errors. Their origin must be that of the preflight if the preflight has one."""
    asking = await _allowed_origin(context)
    preflight_origin = (await _send_preflight(context, asking)).header("Access-Control-Allow-Origin")
    for path in ("/v1/health", _NO_PATH, "/v1/inbox"):
        response = await context.call("GET", path, with_key=False, headers={"Origin": asking})
        _require_origin(response)
        origin = response.header("Access-Control-Allow-Origin")
        response.require(preflight_origin in {"", origin}, "the origin of the preflight", "another origin")
        hidden = sorted(_EXPOSED - _names(response, "Access-Control-Expose-Headers"))
        response.require(
            not hidden,
            "every header of the contract exposed",
            f"not exposed: {', '.join(hidden)}, in {response}",
        )


async def _no_cache(context: CheckContext) -> None:
    for path in ("/v1/health", _NO_PATH, "/v1/inbox"):
        response = await context.call("GET", path, with_key=False)
        directives = _names(response, "Cache-Control")
        response.require("no-store" in directives, _NO_STORE, f"another value, or none, in {response}")


async def _head(context: CheckContext) -> None:
    response = await context.call("HEAD", "/v1/health", with_key=False)
    response.require_status(200)


async def _allowed_origin(context: CheckContext) -> str:
    """Return the origin to ask with: one of this machine, if the API allows no other origin."""
    headers = {"Origin": _FOREIGN_ORIGIN}
    response = await context.call("GET", "/v1/health", with_key=False, headers=headers)
    return _FOREIGN_ORIGIN if response.header("Access-Control-Allow-Origin") else _LOCAL_ORIGIN


async def _send_preflight(context: CheckContext, origin: str) -> ApiResponse:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": ",".join(sorted(_HEADERS)),
    }
    return await context.call("OPTIONS", "/v1/events", with_key=False, headers=headers)


def _require_origin(response: ApiResponse) -> None:
    origin = response.header("Access-Control-Allow-Origin")
    response.require(bool(origin), "Access-Control-Allow-Origin", f"none, in {response}")
    response.require(
        origin != _FOREIGN_ORIGIN, "*, or an origin that is allowed", "an echo of the origin that asks"
    )
    credentials = response.header("Access-Control-Allow-Credentials")
    response.require(not credentials, "credentials not allowed", "Access-Control-Allow-Credentials")


def _names(response: ApiResponse, header: str) -> set[str]:
    return {name.strip().lower() for name in response.header(header).split(",")}


CHECKS = (
    Check("request id given", "the id that was sent, in header and body", _given_id, needs_key=False),
    Check("request id made", "a new UUID v4, in header and body", _generated_id, needs_key=False),
    Check(
        "request id of errors",
        "the same id in header and body of every error",
        _id_of_errors,
        needs_key=False,
    ),
    Check(
        "CORS preflight", "origin, methods, headers and max age of the contract", _preflight, needs_key=False
    ),
    Check(
        "CORS headers",
        "the origin, and the headers of the contract exposed, in responses and errors",
        _cors,
        needs_key=False,
    ),
    Check("not cached", f"{_NO_STORE}, in responses and errors", _no_cache, needs_key=False),
    Check("HEAD", "200 to HEAD /v1/health", _head, needs_key=False),
)
