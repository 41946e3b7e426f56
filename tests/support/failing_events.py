"""An event store that fails with the error that a test sets."""

from collections.abc import Sequence

from triggers_api.core.events import Event
from triggers_api.core.paging import Page, PendingQuery
from triggers_api.core.ports import EventStore, NewEvent
from triggers_api.errors import TriggersError


class FailingEvents:
    """An event store whose every call raises `failure`, if that is set."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self.failure: BaseException | None = None

    def add(self, entries: Sequence[NewEvent], *, now: int) -> list[str | TriggersError]:
        self._fail()
        return self._store.add(entries, now=now)

    def get(self, event_id: str, now: int) -> Event | None:
        self._fail()
        return self._store.get(event_id, now)

    def pending(self, query: PendingQuery) -> Page:
        self._fail()
        return self._store.pending(query)

    def acknowledge(self, event_id: str, *, at: str, nonce: str, now: int, source: str | None) -> None:
        self._fail()
        self._store.acknowledge(event_id, at=at, nonce=nonce, now=now, source=source)

    def delete(self, event_id: str, *, source: str | None) -> None:
        self._fail()
        self._store.delete(event_id, source=source)

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure
