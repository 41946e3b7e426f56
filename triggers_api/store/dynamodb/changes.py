"""The changes of a stored event, and their conditions, as DynamoDB expressions.

An event is pending, acknowledged or dead. A lease is not a status. It hides a pending event until a given
time, so an expired lease needs no cleanup.

    receive            pending ──────────────── CLAIM ──► pending
    extend, release    pending ─────────── HIDE, SHOW ──► pending
    ack                pending, dead ──── ACKNOWLEDGE ──► acknowledged
    receive, release   pending ───────────────── kill ──► dead
    requeue            acknowledged, dead ─── REQUEUE ──► pending

Three attributes belong to the lease. Version 0.1.0 ignores them, so it reads and acknowledges leased events.

    stored     in Python              meaning
    `claims`   `Event.deliveries`     how often a receive has claimed the event
    `hidden`   `Event.hidden_until`   when the lease or the delay ends
    `lease`    `Event.lease`          the token of the latest claim, until another claim or REQUEUE
"""

from triggers_api.core.events import DEAD, HORIZON_MS, PENDING

CLAIM = "SET #hidden = :until, #lease = :token ADD #claims :one"
HIDE = "SET #hidden = :until"
SHOW = "REMOVE #hidden"
ACKNOWLEDGE = (
    "SET #status = :status, #acknowledged_at = :at, #ack_nonce = :nonce REMOVE #hidden, #died_at, #reason"
)
REQUEUE = (
    "SET #status = :status, #ttl = :expires_at, #requeued_at = :at"
    " REMOVE #acknowledged_at, #ack_nonce, #died_at, #reason, #hidden, #lease, #claims"
)
_KILL = "SET #status = :status, #died_at = :died_at, #ttl = :dead_until"

NOT_HIDDEN = "NOT #hidden BETWEEN :hidden_from AND :hidden_to"  # holds if the attribute is missing
NOT_EXPIRED = "#ttl > :now"  # does not hold if the item or the attribute is missing
# The status of an item names its shard too, as in `pending#01`.
IS_PENDING = "begins_with(#status, :pending)"
IS_NOT_ACKNOWLEDGED = "(begins_with(#status, :pending) OR begins_with(#status, :dead))"

STATUSES = {"pending": PENDING, "dead": DEAD}
"""The values of `:pending` and `:dead`. That of `:status` is the index key of the new status."""


def all_of(*conditions: str) -> str:
    """Return the condition that holds if all of them hold. An empty one always does."""
    return " AND ".join(condition for condition in conditions if condition)


def of_source(source: str | None) -> str:
    """Return the condition that an event is of a source. None: of any."""
    return "" if source is None else "#source = :source"


def below(max_deliveries: int) -> str:
    """Return the condition that an event has not reached `max_deliveries`. 0: no limit."""
    return "NOT #claims >= :max_deliveries" if max_deliveries else ""


def hidden_values(now_ms: int) -> dict[str, int]:
    """Return the values of NOT_HIDDEN, which holds if `Event.is_hidden` does not."""
    return {"hidden_from": now_ms + 1, "hidden_to": now_ms + HORIZON_MS}


def kill(reason: str | None) -> str:
    """Return the change that makes an event dead, with a reason or without one."""
    if reason is None:
        return f"{_KILL} REMOVE #hidden, #reason"
    return f"{_KILL}, #reason = :reason REMOVE #hidden"
