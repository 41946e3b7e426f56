"""Event ids: unique, in order, and their time is the creation time of the event."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from uuid import UUID, uuid1, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import FakeClock
from triggers_api.core.ids import EventIds, boundary, created_at, parse_event_id
from triggers_api.core.times import format_time

LAST_MICROSECOND = 253_402_300_799_999_999  # of the year 9999
NOW = 1_800_000_000_123_456

microseconds = st.integers(0, LAST_MICROSECOND)


class SlowReading(int):
    """A clock's reading that lets other threads run while it is compared."""

    def __lt__(self, other: int) -> bool:
        time.sleep(0)
        return super().__lt__(other)


def uuid7(*, milliseconds: int, rand_a: int, version: int = 7, variant: int = 0b10, rand_b: int = 0) -> str:
    bits = milliseconds << 80 | version << 76 | rand_a << 64 | variant << 62 | rand_b
    return str(UUID(int=bits))


def assert_strictly_increasing(made: list[str]) -> None:
    assert all(earlier < later for earlier, later in pairwise(made))
    times = [created_at(event_id) or "" for event_id in made]
    assert all(earlier < later for earlier, later in pairwise(times))


def test_ids_increase_while_the_clock_stands_still() -> None:
    ids = EventIds(lambda: NOW)
    made = [ids.new() for _ in range(3000)]
    assert_strictly_increasing(made)
    assert created_at(made[-1]) == format_time(NOW + 2999)


@given(st.lists(st.integers(0, 10_000_000), min_size=2, max_size=30))
def test_ids_increase_for_any_clock_readings(readings: list[int]) -> None:
    clock = iter(NOW + reading for reading in readings)
    ids = EventIds(lambda: next(clock))
    assert_strictly_increasing([ids.new() for _ in readings])


def test_ids_increase_when_the_clock_is_set_back_by_less_than_a_minute() -> None:
    clock = FakeClock()
    ids = EventIds(clock)
    made = [ids.new()]
    clock.step(seconds=-59)
    made += [ids.new() for _ in range(10)]
    assert_strictly_increasing(made)


@pytest.mark.parametrize("days", [8, 365, 20_000])
def test_one_id_from_the_future_does_not_date_the_ids_after_it(days: int) -> None:
    clock = FakeClock()
    ids = EventIds(clock)
    made = [ids.new()]
    clock.step(days=days)
    assert created_at(ids.new()) == format_time(clock.now)
    clock.step(days=-days)
    clock.advance(seconds=1)
    made += [ids.new() for _ in range(10)]
    assert_strictly_increasing(made)
    assert created_at(made[1]) == format_time(clock.now)


def test_clock_before_1970_is_no_error() -> None:
    ids = EventIds(lambda: -1)
    assert created_at(ids.new()) == format_time(1)


def test_ids_follow_the_clock_again_once_it_is_ahead() -> None:
    clock = FakeClock()
    ids = EventIds(clock)
    ids.new()
    clock.advance(seconds=-1)
    ids.new()
    clock.advance(days=1)
    assert created_at(ids.new()) == format_time(clock.now)


def test_ids_of_concurrent_threads_are_unique_and_increase() -> None:
    ids = EventIds(lambda: SlowReading(NOW))
    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(lambda _: [ids.new() for _ in range(500)], range(8)))
    for batch in batches:
        assert_strictly_increasing(batch)
    assert len({event_id for batch in batches for event_id in batch}) == 8 * 500
    assert len({created_at(event_id) for batch in batches for event_id in batch}) == 8 * 500


def test_id_is_a_uuid_of_version_7_in_lower_case() -> None:
    ids = EventIds()
    for event_id in (ids.new() for _ in range(200)):
        assert UUID(event_id).version == 7
        assert UUID(event_id).variant == "specified in RFC 4122"
        assert event_id == str(UUID(event_id))


def test_processes_with_the_same_clock_generate_different_ids() -> None:
    assert len({EventIds(lambda: NOW).new() for _ in range(500)}) == 500


@given(microseconds)
def test_time_in_an_id_is_exactly_that_of_the_clock(now: int) -> None:
    assert created_at(EventIds(lambda: max(now, 1)).new()) == format_time(max(now, 1))


@given(st.lists(microseconds, min_size=2, unique=True))
def test_ids_sort_as_their_times(times: list[int]) -> None:
    made = {now: EventIds(lambda now=now: max(now, 1)).new() for now in times if now}  # type: ignore[misc]  # a lambda's default
    assert [made[now] for now in sorted(made)] == sorted(made.values())


@pytest.mark.parametrize("version", [version for version in range(16) if version != 7])
def test_uuid_of_another_version_holds_no_time(version: int) -> None:
    assert created_at(uuid7(milliseconds=NOW // 1000, rand_a=0, version=version)) is None


@pytest.mark.parametrize("variant", [0b00, 0b01, 0b11])
def test_uuid_of_another_variant_holds_no_time(variant: int) -> None:
    assert created_at(uuid7(milliseconds=NOW // 1000, rand_a=0, variant=variant)) is None


def test_common_and_special_uuids_hold_no_time() -> None:
    special = [str(UUID(int=0)), str(UUID(int=2**128 - 1))]
    assert [created_at(text) for text in [str(uuid1()), str(uuid4()), *special]] == [None] * 4


def test_only_fractions_of_whole_microseconds_hold_a_time() -> None:
    found = [created_at(uuid7(milliseconds=1_800_000_000_000, rand_a=fraction)) for fraction in range(4096)]
    times = [time for time in found if time is not None]
    assert times == [format_time(1_800_000_000_000_000 + microsecond) for microsecond in range(1000)]


@given(st.integers(0, 2**62 - 1))
def test_random_part_does_not_change_the_time(rand_b: int) -> None:
    event_id = uuid7(milliseconds=1_800_000_000_000, rand_a=0, rand_b=rand_b)
    assert created_at(event_id) == "2027-01-15T08:00:00.000000Z"


def test_date_past_the_year_9999_is_no_time() -> None:
    last = LAST_MICROSECOND // 1000
    assert created_at(uuid7(milliseconds=last, rand_a=0)) == "9999-12-31T23:59:59.999000Z"
    assert created_at(uuid7(milliseconds=last + 1, rand_a=0)) is None
    assert created_at(uuid7(milliseconds=2**48 - 1, rand_a=0)) is None


def test_event_id_in_capitals_is_the_same_id() -> None:
    event_id = EventIds().new()
    assert parse_event_id(event_id.upper()) == event_id
    assert parse_event_id(event_id) == event_id


def test_uuid_of_any_version_is_an_event_id() -> None:
    for text in (str(uuid1()), str(uuid4()), str(UUID(int=0)), str(UUID(int=2**128 - 1))):
        assert parse_event_id(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0198c5f000007000800000000000000a",
        "{0198c5f0-0000-7000-8000-00000000000a}",
        "urn:uuid:0198c5f0-0000-7000-8000-00000000000a",
        "0198c5f0-0000-7000-8000-00000000000a\n",
        " 0198c5f0-0000-7000-8000-00000000000a",
        "0198c5f0-0000-7000-8000-00000000000",
        "0198c5f0-0000-7000-8000-00000000000aa",
        "0198c5f00-000-7000-8000-00000000000a",
        "0198c5g0-0000-7000-8000-00000000000a",
        "0198c5f0_0000_7000_8000_00000000000a",
        "\u0660198c5f0-0000-7000-8000-00000000000a",
        "0x98c5f0-0000-7000-8000-00000000000a",
    ],
)
def test_other_form_is_not_an_event_id(text: str) -> None:
    assert parse_event_id(text) is None


@given(st.text(max_size=40) | st.from_regex(r"[0-9a-fA-F-]{36}", fullmatch=True) | st.uuids().map(str))
def test_only_a_uuid_is_an_event_id(text: str) -> None:
    parsed = parse_event_id(text)
    assert parsed is None or parsed == str(UUID(text)) == text.lower()


@given(st.integers(2, LAST_MICROSECOND))
def test_boundary_lies_between_the_ids_of_earlier_events_and_the_others(time: int) -> None:
    earlier, at_this_time = EventIds(lambda: time - 1).new(), EventIds(lambda: time).new()
    assert earlier < boundary(format_time(time)) < at_this_time


def test_all_ids_sort_after_the_boundary_of_a_time_before_1970() -> None:
    assert boundary(format_time(-1)) < EventIds(lambda: 0).new()
