"""The clock of the machine is wrong for a while: nothing is removed, and what was stored is listed."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.api.driver import Api
from tests.conftest import Stores
from tests.support.clock import FakeClock
from tests.support.limits import file_size_limited_to
from tests.support.sample_events import event
from triggers_api.core.events import Event
from triggers_api.core.leases import Death, Held, Receive, Release
from triggers_api.core.ports import NewEvent
from triggers_api.core.times import seconds
from triggers_api.store.sqlite.database import FILE_NAME, Database
from triggers_api.store.sqlite.events import SqliteEventStore
from triggers_api.store.sqlite.hooks import SqliteHookStore
from triggers_api.store.sqlite.keys import SqliteKeyStore

KEY = {"idempotency_key": "order-4711"}


@contextmanager
def service(folder: Path, clock: FakeClock) -> Iterator[Api]:
    """Run a new process of the service over the data of the folder."""
    database = Database(folder)
    stores = Stores(
        SqliteEventStore(database, clock=clock, monotonic=clock.monotonic),
        SqliteKeyStore(database),
        SqliteHookStore(database),
    )
    try:
        yield Api(stores, clock, door="asgi")
    finally:
        database.close()


@pytest.fixture
def api(tmp_path: Path, clock: FakeClock) -> Iterator[Api]:
    with service(tmp_path, clock) as api:
        yield api


def rows(folder: Path, table: str = "events") -> int:
    connection = sqlite3.connect(folder / FILE_NAME)
    (number,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    connection.close()
    return int(number)


def steps_in(caplog: pytest.LogCaptureFixture) -> list[int]:
    return [
        record.fields["seconds"]  # type: ignore[attr-defined]  # of every line of ours
        for record in caplog.records
        if record.message == "clock was set"
    ]


def be_busy(api: Api, clock: FakeClock, *, minutes: int) -> None:
    for _ in range(minutes // 10):
        clock.advance(seconds=600)
        api.inbox()


@pytest.mark.promise(1)
def test_clock_that_is_ahead_for_one_ingest_changes_nothing_for_the_others(
    api: Api, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    before = [api.add() for _ in range(12)]
    clock.step(days=8)
    assert api.pending() == before, "a step expires nothing"
    ahead = api.add()
    clock.step(days=-8)
    clock.advance(seconds=1)
    after = [api.ingest().json for _ in range(3)]
    assert [event["created_at"][:10] for event in after] == [api.get("/v1/health").json["timestamp"][:10]] * 3
    expected = [*before, *(event["event_id"] for event in after), ahead]
    assert api.pending() == expected
    assert rows(tmp_path) == len(expected)
    assert steps_in(caplog) == [8 * 86400, -8 * 86400]
    with service(tmp_path, clock) as restarted:
        clock.advance(seconds=1)
        later = restarted.add()
        assert restarted.pending() == [*expected[:-1], later, ahead]


@pytest.mark.promise(1)
def test_process_that_starts_with_a_clock_ahead_removes_nothing(tmp_path: Path, clock: FakeClock) -> None:
    with service(tmp_path, clock) as api:
        before = [api.add(metadata=KEY)] + [api.add() for _ in range(11)]
    clock.step(days=8)
    with service(tmp_path, clock) as wrong:
        ahead = [wrong.add() for _ in range(3)]
        be_busy(wrong, clock, minutes=50)
        ahead.append(wrong.add())
        assert wrong.pending() == ahead
    clock.step(days=-8)
    with service(tmp_path, clock) as right:
        assert right.pending() == [*before, *ahead]
        assert rows(tmp_path, "idempotency") == 1


@pytest.mark.promise(1)
@pytest.mark.parametrize(
    ("behind_days", "restarted_first"), [(8, False), (21, False), (20_000, False), (20_000, True)]
)
def test_event_of_a_clock_that_was_behind_is_listed_when_the_clock_is_set(
    tmp_path: Path, clock: FakeClock, behind_days: int, restarted_first: bool
) -> None:
    """A machine without a battery starts at 1970, or at the time when it was turned off.

    If it starts at a plausible time, and no process runs when the clock is set, the event has expired.
    """
    with service(tmp_path, clock) as api:
        old = api.add()
        clock.step(days=-behind_days)
        first = api.add()
        if not restarted_first:
            clock.step(days=behind_days)
            assert api.pending() == [first, old]
    if restarted_first:
        clock.step(days=behind_days)
    with service(tmp_path, clock) as restarted:
        be_busy(restarted, clock, minutes=120)
        later = restarted.add()
        assert restarted.pending() == [first, old, later]


def test_events_that_had_expired_before_stay_expired_when_the_clock_is_set(
    tmp_path: Path, clock: FakeClock
) -> None:
    with service(tmp_path, clock) as api:
        api.add()
    clock.advance(days=30)
    clock.step(days=-20_000)
    with service(tmp_path, clock) as unset:
        first = unset.add()
        clock.step(days=20_000)
        assert unset.pending() == [first]


@pytest.mark.promise(2)
def test_idempotency_key_works_across_a_step(api: Api, clock: FakeClock) -> None:
    first = api.add(metadata=KEY)
    clock.step(days=3)
    assert api.add(metadata=KEY) == first
    clock.advance(days=1, seconds=1)
    assert api.add(metadata=KEY) != first


@pytest.mark.parametrize("days", [8, -8])
def test_a_step_is_logged_once(
    api: Api, clock: FakeClock, caplog: pytest.LogCaptureFixture, days: int
) -> None:
    event = api.add()
    clock.step(days=days)
    for call in (api.add, api.inbox, lambda: api.get(f"/v1/events/{event}"), api.add):
        call()
        clock.advance(seconds=1)
    assert steps_in(caplog) == [days * 86400]


class SetDuringWrite(Database):
    """A file whose next ingest waits: meanwhile the clock is set, and another request notices it."""

    meanwhile: Callable[[], object] | None = None

    @contextmanager
    def write(self, operation: str) -> Iterator[sqlite3.Connection]:
        if operation == "add" and self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        with super().write(operation) as connection:
            yield connection


@pytest.mark.promise(1)
def test_event_that_is_stored_while_the_clock_is_set_has_not_expired(
    tmp_path: Path, clock: FakeClock
) -> None:
    database = SetDuringWrite(tmp_path)
    store = SqliteEventStore(database, clock=clock, monotonic=clock.monotonic)
    api = Api(Stores(store, SqliteKeyStore(database), SqliteHookStore(database)), clock, door="asgi")
    first = api.add()

    def set_clock() -> None:
        clock.step(days=8)
        assert api.pending() == [first]

    database.meanwhile = set_clock
    second = api.add(metadata=KEY)
    assert api.pending() == [first, second]
    assert api.add(metadata=KEY) == second
    database.close()


@pytest.mark.parametrize("days", [8, -8])
def test_request_that_began_before_a_step_is_not_another_step(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture, days: int
) -> None:
    database = Database(tmp_path)
    store = SqliteEventStore(database, clock=clock, monotonic=clock.monotonic)
    before = seconds(clock())
    store.get("an id", before)
    clock.step(days=days)
    for now in (seconds(clock()), before, seconds(clock())):
        store.get("an id", now)
    assert steps_in(caplog) == [days * 86400]
    database.close()


def test_events_are_read_after_a_step_even_if_nothing_can_be_written(
    api: Api, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    event = api.add()
    clock.step(days=8)
    with file_size_limited_to(1):
        assert api.pending() == [event]
        assert api.get(f"/v1/events/{event}").status == 200
        assert api.ingest({}).status == 503
    assert api.pending() == [event]
    assert steps_in(caplog) == [8 * 86400]


def test_small_corrections_and_a_pause_are_no_steps(
    api: Api, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    for correction in (50, -50):
        api.add()
        clock.step(seconds=correction)
    api.add()
    clock.advance(days=3)
    api.add()
    assert steps_in(caplog) == []


def expired_rows_are_removed(api: Api, folder: Path) -> bool:
    before = rows(folder)
    api.add()
    return rows(folder) <= before


@pytest.fixture
def with_expired(tmp_path: Path, clock: FakeClock) -> Iterator[Api]:
    """Give a new process, with twelve events in the file that have expired."""
    with service(tmp_path, clock) as api:
        for _ in range(12):
            api.add()
    clock.advance(days=9)
    with service(tmp_path, clock) as api:
        yield api


def test_expired_rows_are_removed_once_the_clock_was_steady_for_an_hour(
    with_expired: Api, tmp_path: Path, clock: FakeClock
) -> None:
    be_busy(with_expired, clock, minutes=10)
    assert not expired_rows_are_removed(with_expired, tmp_path)
    be_busy(with_expired, clock, minutes=60)
    for _ in range(3):
        assert expired_rows_are_removed(with_expired, tmp_path) or rows(tmp_path) < 12
    assert len(with_expired.pending()) == rows(tmp_path) == 4


UNSTEADY: dict[str, Callable[[FakeClock], None]] = {
    "a step ahead": lambda clock: clock.step(days=1),
    "a step back": lambda clock: clock.step(days=-1),
    "a pause, after which both clocks may be wrong": lambda clock: clock.advance(seconds=3601),
    "both clocks set ahead": lambda clock: clock.advance(days=8),
    "both clocks set back": lambda clock: clock.advance(seconds=-7200),
    "the monotonic clock stood still": lambda clock: clock.freeze(seconds=7200),
}


@pytest.mark.promise(1)
@pytest.mark.parametrize("unsteady", UNSTEADY)
def test_nothing_is_removed_for_an_hour_after(
    with_expired: Api, tmp_path: Path, clock: FakeClock, unsteady: str
) -> None:
    be_busy(with_expired, clock, minutes=70)
    UNSTEADY[unsteady](clock)
    assert not expired_rows_are_removed(with_expired, tmp_path)
    be_busy(with_expired, clock, minutes=50)
    assert not expired_rows_are_removed(with_expired, tmp_path)
    be_busy(with_expired, clock, minutes=20)
    assert expired_rows_are_removed(with_expired, tmp_path)


class Consumer:
    """Receives and releases events by the wall clock, in a process of its own."""

    def __init__(self, folder: Path, clock: FakeClock) -> None:
        self._database = Database(folder)
        self._clock = clock
        self.store = SqliteEventStore(self._database, clock=clock, monotonic=clock.monotonic)

    @property
    def _now_ms(self) -> int:
        return self._clock() // 1000

    def add(self) -> str:
        new = event(expires_at=self._now_ms // 1000 + 7 * 86400)
        self.store.add([NewEvent(new)], now=self._now_ms // 1000)
        return new.event_id

    def receive(self, *, lease_seconds: int = 600) -> list[str]:
        until_ms = self._now_ms + lease_seconds * 1000
        receive = Receive(
            limit=10,
            token="token",
            now_ms=self._now_ms,
            until_ms=until_ms,
            source=None,
            event_type=None,
            death=Death(0, "", 0),
        )
        return [one.event_id for one in self.store.receive(receive).events]

    def release(self, event_id: str, *, delay_seconds: int) -> None:
        release = Release(
            now_ms=self._now_ms,
            until_ms=self._now_ms + delay_seconds * 1000,
            dead=False,
            reason=None,
            death=Death(0, "", 0),
        )
        (outcome,) = self.store.release([Held(event_id, "token")], release, source=None)
        assert isinstance(outcome, Event)

    def close(self) -> None:
        self._database.close()


@pytest.fixture
def consumer(tmp_path: Path, clock: FakeClock) -> Iterator[Consumer]:
    consumer = Consumer(tmp_path, clock)
    yield consumer
    consumer.close()


STEPS = [90, -90, 7200, -7200, 8 * 86400, -8 * 86400]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("delayed", [False, True], ids=["leased", "delayed"])
def test_lease_or_delay_lasts_as_long_when_the_clock_is_set(
    consumer: Consumer, clock: FakeClock, step: int, delayed: bool
) -> None:
    added = consumer.add()
    assert consumer.receive(lease_seconds=600) == [added]
    if delayed:
        consumer.release(added, delay_seconds=600)
    clock.step(seconds=step)
    clock.advance(seconds=599)
    assert consumer.receive() == []
    clock.advance(seconds=1)
    assert consumer.receive() == [added]


@pytest.mark.parametrize("step", STEPS)
def test_lease_that_had_ended_stays_ended_when_the_clock_is_set(
    consumer: Consumer, clock: FakeClock, step: int
) -> None:
    added = consumer.add()
    assert consumer.receive(lease_seconds=30) == [added]
    clock.advance(seconds=31)
    clock.step(seconds=step)
    assert consumer.receive() == [added]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [100, 599, 601, 100_000])
def test_process_that_notices_a_step_later_moves_no_lease_again(
    tmp_path: Path, consumer: Consumer, clock: FakeClock, step: int, after: int
) -> None:
    other = Consumer(tmp_path, clock)
    added = consumer.add()
    for one in (consumer, other):
        one.receive(lease_seconds=600)
    clock.step(seconds=step)
    assert consumer.receive() == []
    clock.advance(seconds=after)
    expected = [added] if after >= 600 else []
    assert other.receive(lease_seconds=1) == expected
    other.close()


def test_second_step_moves_leases_again(tmp_path: Path, consumer: Consumer, clock: FakeClock) -> None:
    other = Consumer(tmp_path, clock)
    added = consumer.add()
    for one in (consumer, other):
        one.receive(lease_seconds=600)
    clock.step(seconds=7200)
    assert consumer.receive() == []
    clock.advance(seconds=100)
    assert other.receive() == []
    clock.step(seconds=-3600)
    assert other.receive() == []
    clock.advance(seconds=499)
    assert consumer.receive() == []
    clock.advance(seconds=1)
    assert consumer.receive() == [added]
    other.close()
