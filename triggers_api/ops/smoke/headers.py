"""Checks of request ids and CORS (requirements, sections 7.7 and 7.8); none of them needs a key.

The origin may have been narrowed (`CorsAllowOrigin`): `*` is right, and so is one origin, if it is the same
in every answer and not just an echo of who asks.
"""

from uuid import uuid4

from triggers_api.ops.smoke.answer import Answer, is_uuid4
from triggers_api.ops.smoke.client import Check, Visit

_ORIGIN = "https://smoke-test.example"
_METHODS = {"get", "post", "delete", "options"}
_HEADERS = {"content-type", "x-api-key", "x-request-id", "idempotency-key"}
_MAX_AGE = "3600"
_NO_PATH = "/v1/no-such-path"


async def _given(visit: Visit) -> None:
    given = f"{visit.source}-given"
    answer = await visit.call("GET", "/v1/health", with_key=False, headers={"X-Request-ID": given})
    answer.require(_header(answer, "X-Request-ID") == given, f"X-Request-ID: {given}", "another, or none")
    answer.require(answer.text("request_id") == given, f"request_id {given}", "another, or none")


async def _made(visit: Visit) -> None:
    ids = []
    for _ in range(2):
        answer = await visit.call("GET", "/v1/health", with_key=False, with_id=False)
        made = _header(answer, "X-Request-ID")
        answer.require(is_uuid4(made), "X-Request-ID, a UUID v4", "another form, or none")
        answer.require(
            answer.text("request_id") == made, "the same request_id in the body", "another, or none"
        )
        ids.append(made)
    answer.require(ids[0] != ids[1], "a new id for each request", "the same id for two requests")


async def _of_errors(visit: Visit) -> None:
    answers = [
        await visit.call("GET", _NO_PATH, with_key=False),
        await visit.call("GET", "/v1/inbox", with_key=False, params={"limit": 1}),
        await visit.post(body=b"no JSON"),
        await visit.call("POST", f"/v1/events/{uuid4()}/ack"),
    ]
    errors = [answer for answer in answers if answer.status >= 400]  # noqa: PLR2004 - HTTP's errors
    answers[0].require(bool(errors), "an error for a path that is not there", str(answers[0]))
    for answer in errors:
        told, header = answer.nested("error").get("request_id"), _header(answer, "X-Request-ID")
        answer.require(bool(told), "error.request_id in the body", f"none, in {answer}")
        answer.require(header == told, "the same X-Request-ID in the header", f"another or none, in {answer}")


async def _preflight(visit: Visit) -> None:
    answer = await _ask_beforehand(visit)
    answer.require(answer.status in {200, 204}, "200 or 204")
    _require_origin(answer)
    methods = _names(answer, "Access-Control-Allow-Methods")
    answer.require(methods >= _METHODS, "the methods GET, POST, DELETE and OPTIONS", "fewer, or none")
    missing = sorted(_HEADERS - _names(answer, "Access-Control-Allow-Headers"))
    answer.require(not missing, "leave for every header of the contract", f"none for {', '.join(missing)}")
    age = _header(answer, "Access-Control-Max-Age")
    answer.require(age == _MAX_AGE, f"Access-Control-Max-Age: {_MAX_AGE}", "another, or none")


async def _cors(visit: Visit) -> None:
    """Look at an answer and at an error; the origin of the preflight, where there is one, is theirs too."""
    before = _header(await _ask_beforehand(visit), "Access-Control-Allow-Origin")
    for path in ("/v1/health", _NO_PATH, "/v1/inbox"):
        answer = await visit.call("GET", path, with_key=False, headers={"Origin": _ORIGIN})
        _require_origin(answer)
        origin = _header(answer, "Access-Control-Allow-Origin")
        answer.require(before in {"", origin}, "the origin of the preflight", "another origin")
        exposed = _names(answer, "Access-Control-Expose-Headers")
        answer.require("x-request-id" in exposed, "X-Request-ID exposed", f"not so, in {answer}")


async def _ask_beforehand(visit: Visit) -> Answer:
    wish = {
        "Origin": _ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": ",".join(sorted(_HEADERS)),
    }
    return await visit.call("OPTIONS", "/v1/events", with_key=False, headers=wish)


def _require_origin(answer: Answer) -> None:
    origin = _header(answer, "Access-Control-Allow-Origin")
    answer.require(bool(origin), "Access-Control-Allow-Origin", f"none, in {answer}")
    answer.require(
        origin != _ORIGIN, "*, or the one origin that is allowed", "any origin that asks, by its name"
    )
    credentials = _header(answer, "Access-Control-Allow-Credentials")
    answer.require(not credentials, "no leave for credentials", "Access-Control-Allow-Credentials")


def _header(answer: Answer, name: str) -> str:
    value: str = answer.headers.get(name, "")
    return value


def _names(answer: Answer, header: str) -> set[str]:
    return {name.strip().lower() for name in _header(answer, header).split(",")}


CHECKS = (
    Check("request id given", "the id that was sent, in header and body", _given, needs_key=False),
    Check("request id made", "a new UUID v4, in header and body", _made, needs_key=False),
    Check(
        "request id of errors", "the same id in header and body of every error", _of_errors, needs_key=False
    ),
    Check(
        "CORS preflight", "origin, methods, headers and max age of the contract", _preflight, needs_key=False
    ),
    Check(
        "CORS headers", "the origin, and X-Request-ID exposed, in answers and errors", _cors, needs_key=False
    ),
)
