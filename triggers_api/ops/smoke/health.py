"""Whether there is a Triggers API at all: without a key, so that none is sent to anything else."""

from triggers_api.core.times import is_time
from triggers_api.ops.smoke.client import Check, Visit
from triggers_api.ops.smoke.failures import BOUND_KEY, REFUSED_KEY, UnexpectedError, not_our_health

_FIELDS = {"status", "timestamp", "version", "request_id"}
_ENOUGH = 3
_EXPECTED = "200 and status healthy, timestamp, version and request_id, without a key"


async def _health(visit: Visit) -> None:
    try:
        answer = await visit.call("GET", "/v1/health", with_key=False)
    except UnexpectedError as error:
        error.unreachable = True
        raise
    ours = answer.text("status") == "healthy" and len(_FIELDS & answer.body.keys()) >= _ENOUGH
    if answer.status != 200 or not ours:  # noqa: PLR2004 - HTTP's OK
        saw, fix = not_our_health(answer.status, answer.headers.get("Content-Type", ""))
        raise UnexpectedError(_EXPECTED, saw, fix, answer.request_id, unreachable=True)
    missing = sorted(name for name in _FIELDS if not answer.text(name))
    answer.require(not missing, _EXPECTED, f"no {', '.join(missing)}")
    answer.require(is_time(answer.text("timestamp")), "a timestamp in UTC", "a timestamp of another form")


HEALTH = Check("health", _EXPECTED, _health, needs_key=False)


async def flaw_of_key(visit: Visit) -> UnexpectedError | None:
    """Say why the key is of no use to the checks; None where it may be of use.

    It is refused, or it is bound to a source: then it may not even ask for the events of this visit's own.
    """
    answer = await visit.call("GET", "/v1/inbox", params={"limit": 1, "source": visit.source})
    if answer.code == "UNAUTHORIZED":
        return UnexpectedError("", "the key is refused", REFUSED_KEY, answer.request_id)
    if answer.code == "FORBIDDEN":
        return UnexpectedError("", "the key is bound to another source", BOUND_KEY, answer.request_id)
    return None
