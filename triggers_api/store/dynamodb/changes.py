"""The changes of a stored event, and their conditions, as DynamoDB's expressions.

An event is pending, acknowledged or dead. A lease is no status: it hides a pending event until a time. So an
event whose lease ends is available, and nothing has to end the lease.

    pending ───────────── CLAIM, HIDE, SHOW ──► pending
    pending, dead ────────────── ACKNOWLEDGE ──► acknowledged
    pending ──────────────────────────── KILL ──► dead
    acknowledged, dead ────────────── REQUEUE ──► pending

`lease` is the token of the last claim. It stays in the item until another claim replaces it, or REQUEUE
removes it. Version 0.1.0 ignores `hidden`, `lease` and `claims`, so it reads and acknowledges leased events.
"""

from triggers_api.core.events import ACKNOWLEDGED, DEAD, HORIZON_MS, PENDING

CLAIM = "SET #hidden = :until, #lease = :token ADD #claims :one"
HIDE = "SET #hidden = :until"
SHOW = "REMOVE #hidden"
ACKNOWLEDGE = (
    "SET #status = :acknowledged, #acknowledged_at = :at, #ack_nonce = :nonce"
    " REMOVE #hidden, #died_at, #reason"
)
REQUEUE = (
    "SET #status = :pending, #ttl = :expires_at, #requeued_at = :at"
    " REMOVE #acknowledged_at, #ack_nonce, #died_at, #reason, #hidden, #lease, #claims"
)
_KILL = "SET #status = :dead, #died_at = :died_at, #ttl = :dead_until"

# A comparison is false if the attribute is missing.
NOT_HIDDEN = "NOT #hidden BETWEEN :soon AND :horizon"
NOT_EXPIRED = "#ttl > :now"
IS_PENDING = "#status = :pending"

STATUSES = {"pending": PENDING, "acknowledged": ACKNOWLEDGED, "dead": DEAD}
"""The values of `:pending`, `:acknowledged` and `:dead`."""


def all_of(*conditions: str) -> str:
    """Return the condition that holds if all of them hold. An empty one always does."""
    return " AND ".join(condition for condition in conditions if condition)


def of_source(source: str | None) -> str:
    """Return the condition that an event is of a source. None: of any."""
    return "" if source is None else "#source = :source"


def hidden_values(now_ms: int) -> dict[str, int]:
    """Return the values of NOT_HIDDEN, which holds if `Event.is_hidden` does not."""
    return {"soon": now_ms + 1, "horizon": now_ms + HORIZON_MS}


def kill(reason: str | None) -> str:
    """Return the change that makes an event dead, for a reason or for none."""
    return (
        f"{_KILL} REMOVE #hidden, #reason" if reason is None else f"{_KILL}, #reason = :reason REMOVE #hidden"
    )
