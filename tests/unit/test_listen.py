"""The runs of `triggers listen`, with an inbox and a handler in memory, in virtual time."""

from collections import deque
from itertools import pairwise

import pytest

from tests.support.listening import Bench, FakeHandler, FakeInbox, inbox_webhook
from triggers_api.errors import StoreUnavailableError, UnauthorizedError
from triggers_api.ops.listen.inboxes import InboxEvent
from triggers_api.ops.listen.memory import Memory
from triggers_api.ops.listen.options import ListenOptions
from triggers_api.ops.listen.peek import Peek
from triggers_api.ops.listen.reports import (
    Forwarded,
    Full,
    Reachable,
    Ready,
    Reconnected,
    Reconnecting,
    Report,
    Summary,
    Waiting,
)
from triggers_api.ops.listen.worker import release_delay


def kinds(reports: list[Report]) -> list[type]:
    return [type(one) for one in reports]


def failing(number: int) -> FakeHandler:
    """Return a handler that answers 500 to the first attempts of each event."""
    return FakeHandler(answer=lambda _, attempt: 500 if attempt <= number else 200)


@pytest.fixture
def inbox() -> FakeInbox:
    return FakeInbox()


# With a lease


def test_accepted_events_are_acknowledged_and_an_empty_inbox_is_polled_less_often(inbox: FakeInbox) -> None:
    ids = inbox.add(3)
    bench = Bench(inbox)
    assert bench.run(30) is None
    assert (bench.handler.ids, inbox.acknowledged, inbox.events) == (ids, ids, [])
    assert kinds(bench.reports) == [Ready, Forwarded, Forwarded, Forwarded]
    assert bench.outcomes == ["acknowledged"] * 3
    polls = [at for at, *_ in inbox.receives][3:]
    assert [round(after - before) for before, after in pairwise(polls)] == [1, 2, 5, 10, 10]


def test_failed_event_is_released_with_growing_delays(inbox: FakeInbox) -> None:
    (event_id,) = inbox.add()
    bench = Bench(inbox, failing(4))
    bench.run(200)
    assert [delay for _, delay in inbox.releases] == [1, 5, 25, 125]
    assert inbox.acknowledged == [event_id]
    assert bench.outcomes == ["released"] * 4 + ["acknowledged"]
    assert [one.number for one in bench.forwarded] == [1, 2, 3, 4, 5]


def test_delay_of_a_release_ends_at_an_hour() -> None:
    assert [release_delay(number) for number in (0, 1, 2, 6, 7, 1000)] == [1, 1, 5, 3125, 3600, 3600]


def test_event_that_was_received_too_often_is_reported_as_dead(inbox: FakeInbox) -> None:
    ids = inbox.add()
    inbox.max_deliveries = 2
    bench = Bench(inbox, failing(9), once=True)
    assert bench.run() == Summary(forwarded=0, failed=1)
    assert inbox.dead == ids
    assert bench.outcomes == ["released", "dead"]


def test_once_waits_for_short_delays_only(inbox: FakeInbox) -> None:
    first, second = inbox.add(2)
    handler = FakeHandler(answer=lambda event, number: 500 if event.event_id == first or number == 1 else 200)
    bench = Bench(inbox, handler, once=True)
    assert bench.run() == Summary(forwarded=1, failed=1)
    assert inbox.acknowledged == [second]
    assert inbox.releases[-1] == (first, 125)
    assert handler.ids.count(first) == 4


def test_once_waits_for_the_longest_of_several_delays(inbox: FakeInbox) -> None:
    (first,) = inbox.add()
    handler = FakeHandler(
        answer=lambda event, number: 500 if number == 1 or (event.event_id == first and number == 2) else 200
    )
    bench = Bench(inbox, handler, once=True)

    def add_second(_: Report) -> None:
        if len(handler.attempts) == 2:
            inbox.add()

    bench.on_report = add_second
    assert bench.run() == Summary(forwarded=2, failed=0)
    assert [delay for _, delay in inbox.releases] == [1, 5, 1]


def test_concurrency_bounds_what_is_received_and_forwarded(inbox: FakeInbox) -> None:
    inbox.add(10)
    bench = Bench(inbox, FakeHandler(seconds=20), once=True, concurrency=4)
    assert bench.run() == Summary(forwarded=10, failed=0)
    assert bench.handler.most_at_once == 4
    assert max(limit for _, limit, _, _ in inbox.receives) == 4
    assert {lease for _, _, lease, _ in inbox.receives} == {60}, "longer than an attempt takes"


def test_types_are_received_in_turn(inbox: FakeInbox) -> None:
    busy = inbox.add(5, event_type="busy")
    rare = inbox.add(event_type="rare")
    inbox.add(event_type="other")
    bench = Bench(inbox, once=True, event_types=("busy", "rare"))
    assert bench.run() == Summary(forwarded=6, failed=0)
    assert rare[0] in inbox.acknowledged[:2]
    assert set(inbox.acknowledged) == {*busy, *rare}


def test_nothing_is_received_while_the_handler_refuses_connections(inbox: FakeInbox) -> None:
    inbox.add(2)
    bench = Bench(inbox, FakeHandler(down=[(0, 60)]))
    bench.run(70)
    assert inbox.receives[0][0] >= 60
    assert kinds(bench.reports) == [Ready, Waiting, Reachable, Forwarded, Forwarded]
    assert len(bench.handler.probes) == pytest.approx(61, abs=2)


def test_event_that_finds_the_handler_gone_is_released_and_no_other_is_received(inbox: FakeInbox) -> None:
    first, second, third = inbox.add(3)
    bench = Bench(inbox, FakeHandler(seconds=1, down=[(1, 60)]))
    bench.run(80)
    assert inbox.acknowledged == [first, second, third]
    assert inbox.releases == [(second, 1)]
    assert kinds(bench.reports) == [Ready, Forwarded, Waiting, Reachable, Forwarded, Forwarded]
    assert [at for at, *_ in inbox.receives if 1 < at < 60] == []


def test_once_ends_if_the_handler_refuses_connections(inbox: FakeInbox) -> None:
    inbox.add(2)
    for acknowledge in (True, False):
        bench = Bench(inbox, FakeHandler(down=[(0, 60)]), once=True, acknowledge=acknowledge)
        assert bench.run() == Summary(0, 0, "refuses connections")
        assert kinds(bench.reports) == [Ready, Waiting]
    assert inbox.receives == []


def test_acknowledgement_is_repeated_until_the_inbox_answers(inbox: FakeInbox) -> None:
    ids = inbox.add()
    down = StoreUnavailableError("The store cannot be used right now.")
    inbox.errors = deque([None, None, *[down] * 8])  # the check and the receive succeed
    bench = Bench(inbox)
    bench.run(300)
    assert (inbox.acknowledged, bench.handler.ids) == (ids, ids)
    waits = [one.seconds for one in bench.reports if isinstance(one, Reconnecting)]
    assert waits == [1, 2, 5, 10, 30], "further attempts report nothing new"
    assert kinds(bench.reports)[-2:] == [Reconnected, Forwarded]


def test_acknowledgement_of_a_lost_lease_is_reported_and_not_repeated(inbox: FakeInbox) -> None:
    (event_id,) = inbox.add()

    def lose(event: InboxEvent, _: int) -> int:
        inbox.steal(event.event_id)
        return 200

    bench = Bench(inbox, FakeHandler(answer=lose))
    bench.run(10)
    assert (inbox.acknowledged, bench.handler.ids) == ([], [event_id])
    assert [(one.outcome, one.reason) for one in bench.forwarded] == [
        ("not_acknowledged", "Another receive has claimed this event.")
    ]


def test_lease_is_extended_before_an_attempt_that_starts_late(inbox: FakeInbox) -> None:
    """A process that was stopped after its receive first makes sure that it still has the event."""
    ids = inbox.add()
    inbox.call_seconds = 25
    bench = Bench(inbox, once=True)
    bench.run()
    assert (inbox.extended, inbox.acknowledged) == (ids, ids)


def test_event_whose_lease_was_lost_before_the_attempt_is_not_forwarded(inbox: FakeInbox) -> None:
    (event_id,) = inbox.add()
    inbox.call_seconds = 25
    bench = Bench(inbox)
    receive = inbox.receive

    async def receive_and_lose(limit: int, lease_seconds: int, event_type: str | None) -> object:
        received = await receive(limit, lease_seconds, event_type)
        inbox.steal(event_id)
        return received

    inbox.receive = receive_and_lose  # type: ignore[assignment,method-assign] # a fake of this test
    bench.run(100)
    assert (bench.handler.ids, bench.forwarded) == ([], [])


# Ctrl-C


def test_ctrl_c_waits_a_moment_for_a_response_and_acknowledges(inbox: FakeInbox) -> None:
    ids = inbox.add(2)
    bench = Bench(inbox, FakeHandler(seconds=4))
    assert bench.run(1) is None
    assert (inbox.acknowledged, inbox.releases) == (ids[:1], [])


def test_ctrl_c_gives_back_what_the_handler_is_too_slow_for(inbox: FakeInbox) -> None:
    ids = inbox.add(5)
    bench = Bench(inbox, FakeHandler(seconds=20), concurrency=3)
    assert bench.run(1) is None
    assert sorted(inbox.releases) == sorted((event_id, 0) for event_id in ids[:3])
    assert bench.handler.cancelled == 3
    assert inbox.acknowledged == []


def test_ctrl_c_during_a_receive_gives_back_what_it_returns(inbox: FakeInbox) -> None:
    ids = inbox.add(1)
    inbox.call_seconds = 2
    bench = Bench(inbox)
    assert bench.run(3) is None
    assert (inbox.releases, bench.handler.ids) == ([(ids[0], 0)], [])


def test_ctrl_c_ends_a_run_whose_inbox_does_not_answer(inbox: FakeInbox) -> None:
    inbox.add(1)
    inbox.errors = deque([None, *[StoreUnavailableError("The store cannot be used right now.")] * 100])
    assert Bench(inbox).run(100) is None


def test_second_ctrl_c_gives_nothing_back(inbox: FakeInbox) -> None:
    inbox.add(2)

    def exit_now(_event: InboxEvent, _number: int) -> int:
        raise SystemExit(130)

    with pytest.raises(SystemExit):
        Bench(inbox, FakeHandler(answer=exit_now, seconds=1), concurrency=2).run()
    assert inbox.releases == []


def test_report_that_fails_ends_the_run_and_gives_events_back(inbox: FakeInbox) -> None:
    """Such as a pipe whose reader is gone."""
    first, second = inbox.add(2)

    def fail(report: Report) -> None:
        if isinstance(report, Forwarded):
            raise BrokenPipeError

    handler = FakeHandler()
    slow = {second: 60.0}

    async def send(event: InboxEvent, _send: object = handler.send) -> object:
        handler.seconds = slow.get(event.event_id, 0.1)
        return await FakeHandler.send(handler, event)

    handler.send = send  # type: ignore[assignment,method-assign] # a fake of this test
    with pytest.raises(BrokenPipeError):
        Bench(inbox, handler, concurrency=2, on_report=fail).run()
    assert (inbox.acknowledged, inbox.releases) == ([first], [(second, 0)])


# Without a lease


def peek(inbox: FakeInbox, handler: FakeHandler | None = None, **options: bool) -> Bench:
    return Bench(inbox, handler or FakeHandler(), acknowledge=False, **options)  # type: ignore[arg-type] # checked by each test


def test_peek_forwards_each_event_once_and_changes_nothing(inbox: FakeInbox) -> None:
    ids = inbox.add(5)

    def add_later(report: Report) -> None:
        if len(bench.handler.ids) == 5 and len(inbox.events) == 5:
            ids.extend(inbox.add())

    bench = peek(inbox)
    bench.on_report = add_later
    assert bench.run(60) is None
    assert bench.handler.ids == ids
    assert (inbox.receives, inbox.acknowledged, len(inbox.events)) == ([], [], 6)
    assert set(bench.outcomes) == {"delivered"}


def test_peek_retries_a_failed_event_three_times_and_then_leaves_it_pending(inbox: FakeInbox) -> None:
    first, second = inbox.add(2)
    handler = FakeHandler(answer=lambda event, _: 500 if event.event_id == first else 200, seconds=0)
    bench = peek(inbox, handler)
    bench.run(300)
    assert handler.times(first) == [0, 1, 6, 31]
    assert handler.times(second) == [31]
    assert bench.outcomes == ["retrying", "retrying", "retrying", "left_pending", "delivered"]
    assert [one.number for one in bench.forwarded] == [1, 2, 3, 4, 1]


@pytest.mark.parametrize(("failures", "summary"), [(1, Summary(3, 0)), (9, Summary(0, 3))])
def test_peek_once_ends_with_what_failed_at_the_end(
    inbox: FakeInbox, failures: int, summary: Summary
) -> None:
    inbox.add(3)
    assert peek(inbox, failing(failures), once=True).run() == summary


def test_peek_forwards_an_event_again_that_found_the_handler_gone(inbox: FakeInbox) -> None:
    ids = inbox.add(3)
    bench = peek(inbox, FakeHandler(seconds=1, down=[(1, 30)]))
    bench.run(60)
    assert bench.handler.ids == ids
    assert kinds(bench.reports) == [Ready, Forwarded, Waiting, Reachable, Forwarded, Forwarded]


def test_peek_ends_at_once_with_ctrl_c(inbox: FakeInbox) -> None:
    inbox.add(1)
    bench = peek(inbox, FakeHandler(seconds=100))
    assert bench.run(1) is None
    assert bench.handler.cancelled == 1


def test_peek_reads_a_long_inbox_less_often(inbox: FakeInbox) -> None:
    inbox.add(20)
    inbox.call_seconds = 3
    peek(inbox).run(600)
    walks = [round(at) for at in inbox.pages[1::10]]
    assert all(after - before >= 50 for before, after in pairwise(walks[2:]))


def test_peek_reports_once_that_more_is_pending_than_it_can_remember(
    inbox: FakeInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triggers_api.ops.listen.listener.Peek", lambda run: Peek(run, Memory(3)))
    ids = inbox.add(5)
    bench = peek(inbox)
    bench.run(100)
    assert bench.handler.ids == ids[:3]
    assert [one for one in bench.reports if isinstance(one, Full)] == [Full(3)]

    def acknowledge_two(report: Report) -> None:
        if isinstance(report, Full):
            del inbox.events[:2]

    bench = peek(inbox)
    bench.on_report = acknowledge_two
    bench.run(100)
    assert bench.handler.ids == ids, "there is room for others as soon as events leave the inbox"


def test_memory_forgets_what_left_the_inbox_first() -> None:
    memory = Memory(3)
    memory.start_walk()
    assert [memory.meet(one) for one in "abc"] == [False] * 3
    assert memory.is_full
    memory.start_walk()
    assert [memory.meet(one) for one in "acd"] == [True, True, False], "b is gone"
    memory.start_walk()
    assert [memory.meet(one) for one in "acd"] == [True] * 3
    memory.start_walk()
    assert memory.meet("b") is False


# The inbox


@pytest.mark.parametrize("acknowledge", [True, False])
def test_inbox_that_fails_is_asked_again_without_end(inbox: FakeInbox, acknowledge: bool) -> None:
    ids = inbox.add(2)
    error = StoreUnavailableError("The API cannot be reached.", reason="ConnectError")
    inbox.errors = deque([None, *[error] * 500])
    bench = Bench(inbox, acknowledge=acknowledge)
    bench.run(16_000)
    assert bench.handler.ids == ids
    assert next(one for one in bench.reports if isinstance(one, Reconnecting)) == Reconnecting(
        "The API cannot be reached. (ConnectError)", 1
    )
    assert kinds(bench.reports).count(Reconnecting) == 5


@pytest.mark.parametrize("error", [StoreUnavailableError("Nothing answers."), UnauthorizedError("No.")])
def test_error_of_the_first_call_ends_the_run_before_it_is_ready(
    inbox: FakeInbox, error: StoreUnavailableError
) -> None:
    inbox.errors = deque([error])
    bench = Bench(inbox)
    with pytest.raises(type(error)):
        bench.run()
    assert bench.reports == []


@pytest.mark.parametrize("acknowledge", [True, False])
def test_key_that_is_refused_ends_the_run(inbox: FakeInbox, acknowledge: bool) -> None:
    inbox.errors = deque([None, UnauthorizedError("The API refuses the key.")])
    with pytest.raises(UnauthorizedError):
        Bench(inbox, acknowledge=acknowledge).run()


@pytest.mark.parametrize("acknowledge", [True, False])
def test_body_of_a_webhook_is_read_once_whatever_the_handler_and_the_inbox_do(
    inbox: FakeInbox, acknowledge: bool
) -> None:
    inbox.events = [inbox_webhook()]
    ids = [event.event_id for event in inbox.events] + inbox.add()
    down = StoreUnavailableError("The API cannot be reached.")
    inbox.errors = deque([None, None, down])  # the check succeeds, and the first page or receive
    bench = Bench(inbox, failing(1) if not acknowledge else FakeHandler(), acknowledge=acknowledge)
    bench.run(60)
    assert set(bench.handler.ids) == set(ids)
    assert inbox.bodies == [ids[0]] * 2, "the second call succeeds"
    assert kinds(bench.reports).count(Reconnected) == 1


@pytest.mark.parametrize("acknowledge", [True, False])
def test_ctrl_c_ends_a_run_that_waits_for_a_body(inbox: FakeInbox, acknowledge: bool) -> None:
    inbox.events = [inbox_webhook()]
    inbox.errors = deque([None, None, *[StoreUnavailableError("The API cannot be reached.")] * 100])
    bench = Bench(inbox, acknowledge=acknowledge)
    assert bench.run(100) is None
    assert (bench.handler.ids, bench.forwarded) == ([], [])


@pytest.mark.parametrize("acknowledge", [True, False])
def test_key_that_is_refused_when_a_body_is_read_ends_the_run(inbox: FakeInbox, acknowledge: bool) -> None:
    inbox.events = [inbox_webhook()]
    refused = UnauthorizedError("The API refuses the key.")
    inbox.errors = deque([None, None, refused, refused])
    bench = Bench(inbox, acknowledge=acknowledge)
    with pytest.raises(UnauthorizedError):
        bench.run(100)
    assert bench.handler.ids == []


def test_lease_is_extended_if_reading_the_body_took_long(inbox: FakeInbox) -> None:
    inbox.events = [inbox_webhook()]
    inbox.call_seconds = 15  # the receive and the body, together too long
    Bench(inbox, once=True).run()
    assert inbox.extended == inbox.acknowledged
    assert len(inbox.extended) == 1


def test_secrets_are_in_no_representation() -> None:
    secret = "s3cret"
    event = InboxEvent("id", "t", "s", "t", f'"{secret}"', "{}", 0, secret, secret, secret.encode())
    options = ListenOptions("http://h/?token=s3cret", acknowledge=True, headers=(("a", "s3cret"),))
    assert "s3cret" not in repr((event, options))
