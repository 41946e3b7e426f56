"""Check that the URL leads to a Triggers API, without a key, so that no key is sent to anything else."""

from triggers_api.core.times import is_time
from triggers_api.ops.smoke.check_context import Check, CheckContext
from triggers_api.ops.smoke.check_errors import (
    BOUND_KEY,
    MISSING_SCOPE,
    CheckError,
    describe_wrong_service,
    refused_key,
)

_FIELDS = {"status", "timestamp", "version", "request_id"}
_ENOUGH_FIELDS = 3
_EXPECTED = "200 and status healthy, timestamp, version and request_id, without a key"
_OK = 200


async def _check_health(context: CheckContext) -> None:
    try:
        response = await context.call("GET", "/v1/health", with_key=False)
    except CheckError as error:
        error.unreachable = True
        raise
    is_ours = response.text("status") == "healthy" and len(_FIELDS & response.body.keys()) >= _ENOUGH_FIELDS
    if response.status != _OK or not is_ours:
        saw, fix = describe_wrong_service(response.status, response.header("Content-Type"))
        raise CheckError(_EXPECTED, saw, fix, response.request_id, unreachable=True)
    missing = sorted(name for name in _FIELDS if not response.text(name))
    response.require(not missing, _EXPECTED, f"no {', '.join(missing)}")
    response.require(is_time(response.text("timestamp")), "a timestamp in UTC", "a timestamp of another form")


HEALTH = Check(
    "health", _EXPECTED, _check_health, covers=("GET /v1/health",), needs_key=False, group="health"
)


async def find_key_problem(context: CheckContext) -> CheckError | None:
    """Return why the checks cannot use the key, or None if they probably can.

    A key that is bound to a source may not ask for the events of the context's source. An event without
    fields is refused in any case, but first for a missing scope.

    Raises:
        CheckError: There is no response.
    """
    response = await context.call("GET", "/v1/inbox", params={"limit": 1, "source": context.source})
    if response.error_code == "UNAUTHORIZED":
        return CheckError("", "the key is refused", refused_key(), response.request_id)
    for one in (response, await context.ingest(body=b"{}")):
        if scope := one.missing_scope:
            return CheckError("", f"the key does not have the scope {scope}", MISSING_SCOPE, one.request_id)
    if response.error_code == "FORBIDDEN":
        return CheckError("", "the key is bound to another source", BOUND_KEY, response.request_id)
    return None


async def find_missing_scope(context: CheckContext) -> str:
    """Return the scope that the key lacks, and that only some checks need; empty if it lacks none.

    A purge without a filter is refused in any case, first for the scope.

    Raises:
        CheckError: There is no response.
    """
    return (await context.post("/v1/inbox/purge", {})).missing_scope
