"""Times: one format, which sorts as time does."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers_api.core.times import (
    format_time,
    is_time,
    milliseconds,
    normalise_time,
    parse_time,
    seconds,
    seconds_since,
    system_clock,
)

LAST_MICROSECOND = 253_402_300_799_999_999

microseconds = st.integers(0, LAST_MICROSECOND)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (1_000_000, "1970-01-01T00:00:01.000000Z"),
        (1_709_164_800_000_000, "2024-02-29T00:00:00.000000Z"),
        (1_800_000_000_123_456, "2027-01-15T08:00:00.123456Z"),
        (LAST_MICROSECOND, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_time_is_written_in_utc_with_six_fractional_digits(time: int, text: str) -> None:
    assert format_time(time) == text


def test_time_past_the_year_9999_cannot_be_written() -> None:
    with pytest.raises(OverflowError):
        format_time(LAST_MICROSECOND + 1)


@given(microseconds, microseconds)
def test_times_sort_as_their_texts(one: int, other: int) -> None:
    assert (one < other) == (format_time(one) < format_time(other))
    assert (one == other) == (format_time(one) == format_time(other))


@given(microseconds)
def test_written_time_is_parsed_as_the_same_time_by_datetime(time: int) -> None:
    read = datetime.fromisoformat(format_time(time))
    assert read.tzinfo == UTC
    assert (read - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution) == time


@given(microseconds)
def test_written_time_is_recognised(time: int) -> None:
    assert is_time(format_time(time))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2027-01-15",
        "2027-01-15T08:00:00Z",
        "2027-01-15T08:00:00.123Z",
        "2027-01-15T08:00:00.123456",
        "2027-01-15T08:00:00.123456+00:00",
        "2027-01-15 08:00:00.123456Z",
        "2027-01-15t08:00:00.123456z",
        "2027-01-15T08:00:00.123456Z\n",
        " 2027-01-15T08:00:00.123456Z",
        "٢027-01-15T08:00:00.123456Z",
        "1800000000",
    ],
)
def test_other_form_is_not_a_time(text: str) -> None:
    assert not is_time(text)


@pytest.mark.parametrize(("time", "whole"), [(0, 0), (999_999, 0), (1_000_000, 1), (1_999_999, 1)])
def test_seconds_are_rounded_down(time: int, whole: int) -> None:
    assert seconds(time) == whole


@given(microseconds)
def test_written_time_is_parsed_as_the_same_number(time: int) -> None:
    assert parse_time(format_time(time)) == time


def test_system_clock_returns_microseconds_since_1970() -> None:
    before = datetime.now(UTC).timestamp()
    now = system_clock() / 1_000_000
    assert before - 1 <= now <= datetime.now(UTC).timestamp() + 1


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("2027-01-15T08:00:00Z", "2027-01-15T08:00:00.000000Z"),
        ("2027-01-15t08:00:00z", "2027-01-15T08:00:00.000000Z"),
        ("2027-01-15T08:00:00.1Z", "2027-01-15T08:00:00.100000Z"),
        ("2027-01-15T08:00:00.123456Z", "2027-01-15T08:00:00.123456Z"),
        ("2027-01-15T08:00:00+00:00", "2027-01-15T08:00:00.000000Z"),
        ("2027-01-15T08:00:00-00:00", "2027-01-15T08:00:00.000000Z"),
        ("2027-01-15T08:00:00+01:00", "2027-01-15T07:00:00.000000Z"),
        ("2027-01-15T08:00:00 01:00", "2027-01-15T07:00:00.000000Z"),
        ("2027-01-15T08:00:00-05:45", "2027-01-15T13:45:00.000000Z"),
        ("2027-01-01T00:30:00.5+23:59", "2026-12-31T00:31:00.500000Z"),
        ("2024-02-29T23:59:59.999999-00:01", "2024-03-01T00:00:59.999999Z"),
    ],
)
def test_time_with_any_offset_is_normalised(text: str, normal: str) -> None:
    assert normalise_time(text) == normal
    assert is_time(normal)


@given(st.integers(10**14, 10**17), st.integers(-23 * 60, 23 * 60))
def test_times_of_any_offset_compare_as_the_times_do(time: int, offset: int) -> None:
    there = timezone(timedelta(minutes=offset))
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)
    assert normalise_time(moment.astimezone(there).isoformat(timespec="microseconds")) == format_time(time)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2027-01-15",
        "2027-01-15T08:00:00",
        "2027-01-15T08:00Z",
        "2027-01-15 08:00:00Z",
        "20270115T080000Z",
        "2027-01-15T08:00:00.Z",
        "2027-01-15T08:00:00.1234567Z",
        "2027-01-15T08:00:00,5Z",
        "2027-01-15T08:00:00+0100",
        "2027-01-15T08:00:00+01",
        "2027-01-15T08:00:00+24:00",
        "2027-01-15T08:00:00+01:60",
        "2027-02-29T08:00:00Z",
        "2027-13-01T08:00:00Z",
        "2027-01-15T24:00:00Z",
        "2027-01-15T08:00:61Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "0000-01-01T00:00:00Z",
        "2027-01-15T08:00:00Z\n",
        " 2027-01-15T08:00:00Z",
        "\u0662027-01-15T08:00:00Z",
        "-027-01-15T08:00:00Z",
        "1800000000",
    ],
)
def test_text_of_another_form_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        normalise_time(text)


@pytest.mark.parametrize(
    ("later", "age"), [(0, 0), (999_999, 0), (1_000_000, 1), (86_400_000_000, 86_400), (-5_000_000, 0)]
)
def test_age_is_in_whole_seconds_and_never_negative(later: int, age: int) -> None:
    now = 1_800_000_000_123_456
    assert seconds_since(format_time(now), now + later) == age


@pytest.mark.parametrize(("time", "whole"), [(0, 0), (999, 0), (1000, 1), (1_999_999, 1999)])
def test_milliseconds_are_rounded_down(time: int, whole: int) -> None:
    assert milliseconds(time) == whole
