"""Requeue, delete and purge. Requeue and purge only change an event whose status has not changed since."""

from collections.abc import Sequence
from contextlib import suppress

from triggers_api.core.events import PENDING, Event
from triggers_api.errors import TriggersError
from triggers_api.store.dynamodb.changes import REQUEUE, of_source
from triggers_api.store.dynamodb.client import ConditionFailedError
from triggers_api.store.dynamodb.table import EventTable


def requeue(
    table: EventTable, events: Sequence[Event], *, at: str, expires_at: int
) -> list[bool | TriggersError]:
    """Make each acknowledged or dead event pending, if its `acknowledged_at` or `died_at` has not changed."""

    def requeue_one(event: Event) -> bool:
        values: dict[str, str | int] = {"at": at, "expires_at": expires_at}
        if event.acknowledged_at:
            condition, values["seen"] = "#acknowledged_at = :seen", event.acknowledged_at
        elif event.died_at:
            condition, values["seen"] = "#died_at = :seen", event.died_at
        else:
            return False
        try:
            table.update(event.event_id, REQUEUE, condition=condition, values=values, to_status=PENDING)
        except ConditionFailedError as refusal:
            # True: an earlier attempt of this write requeued the event, and its answer was lost.
            return refusal.item.get("requeued_at") == {"S": at}
        return True

    return table.threads.map_outcomes(requeue_one, events)


def delete(table: EventTable, event_ids: Sequence[str], *, source: str | None) -> list[TriggersError | None]:
    """Delete each event, if it is of the source that the API key is bound to."""

    def delete_one(event_id: str) -> None:
        # The condition fails if the event does not exist or has another source: there is nothing to delete.
        with suppress(ConditionFailedError):
            table.delete(event_id, condition=of_source(source), values={"source": source or ""})

    return table.threads.map_outcomes(delete_one, event_ids)


def purge(table: EventTable, events: Sequence[Event]) -> list[bool | TriggersError]:
    """Delete each event whose status has not changed."""

    def purge_one(event: Event) -> bool:
        try:
            table.delete(
                event.event_id, condition="begins_with(#status, :seen)", values={"seen": event.status}
            )
        except ConditionFailedError as refusal:
            return not refusal.item  # no item: the event is gone, perhaps by an earlier attempt of this write
        return True

    return table.threads.map_outcomes(purge_one, events)
