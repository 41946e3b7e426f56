"""Cursors: decoding returns the encoded position under the same filters, and refuses everything else."""

import re
import string
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers_api.core import cursors
from triggers_api.core.paging import Position
from triggers_api.errors import ValidationError

POSITION = Position("2026-01-02T03:04:05.000006Z", "0198c5f0-0000-7000-8000-00000000000a")
URL_SAFE = string.ascii_letters + string.digits + "-_"

filters = st.none() | st.text(max_size=100)


def cursor(*, source: str | None = None, event_type: str | None = None) -> str:
    return cursors.encode(POSITION, source=source, event_type=event_type)


def assert_refused(text: str, *, source: str | None = None, event_type: str | None = None) -> None:
    with pytest.raises(ValidationError) as caught:
        cursors.decode(text, source=source, event_type=event_type)
    error = caught.value
    if len(text) > 8:
        for shown in (error.message, error.reason, error.hint, repr(dict(error.details))):
            assert text not in shown


@given(st.datetimes().map(str), st.uuids().map(str), filters, filters)
def test_decoded_cursor_is_the_encoded_position(
    created_at: str, event_id: str, source: str | None, event_type: str | None
) -> None:
    position = Position(created_at, event_id)
    text = cursors.encode(position, source=source, event_type=event_type)
    assert cursors.decode(text, source=source, event_type=event_type) == position


@given(filters, filters)
def test_cursor_needs_no_escaping_in_a_url(source: str | None, event_type: str | None) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,2048}", cursor(source=source, event_type=event_type), re.ASCII)


@given(filters, filters, filters, filters)
def test_cursor_is_refused_under_other_filters(
    source: str | None, event_type: str | None, other_source: str | None, other_type: str | None
) -> None:
    if (source, event_type) != (other_source, other_type):
        text = cursor(source=source, event_type=event_type)
        assert_refused(text, source=other_source, event_type=other_type)


@pytest.mark.parametrize(
    ("made", "used"),
    [
        ((None, None), ("shop", None)),
        (("shop", None), (None, None)),
        (("shop", None), ("warehouse", None)),
        (("shop", None), (None, "shop")),
        (("shop", "paid"), ("paid", "shop")),
        (("shop", "paid"), ("shop", None)),
        ((None, None), ("", "")),
        ((None, None), ("null", "null")),
        (("a", 'b","c'), ('a","b', "c")),
        (("a\n", None), ("a", None)),
    ],
)
def test_similar_filters_are_distinguished(
    made: tuple[str | None, str | None], used: tuple[str | None, str | None]
) -> None:
    assert_refused(cursor(source=made[0], event_type=made[1]), source=used[0], event_type=used[1])


def test_cursor_with_any_changed_character_is_refused() -> None:
    text = cursor(source="shop")
    for place, character in enumerate(text):
        for other in URL_SAFE + "=. %é\x00":
            if other != character:
                assert_refused(text[:place] + other + text[place + 1 :], source="shop")


@pytest.mark.parametrize(
    "place",
    [
        b"null",
        b"[1]",
        b"[1,2]",
        b"[{},[]]",
        b'["a"]',
        b'["a","b","c"]',
        b'["",""]',
        b'["a","%s"]' % (b"b" * 2049),
        b'["%s","b"]' % (b"a" * 1025),
        b'["\\ud800","b"]',
        b"\xff",
        b"[" * 5000,
    ],
)
def test_forged_cursor_without_a_valid_position_is_refused(place: bytes) -> None:
    # The code is public, and its digest no secret.
    data = b"\x01" + cursors._digest(place, None, None) + place
    assert_refused(urlsafe_b64encode(data).rstrip(b"=").decode())


def test_truncated_or_extended_cursor_is_refused() -> None:
    text = cursor()
    for length in range(len(text)):
        assert_refused(text[:length])
        assert_refused(text[length + 1 :])
    for more in ("A", "AA", "AAA", "AAAA", " ", "    ", "\n", "\n\n\n\n", "....", "%%%%", text):
        assert_refused(text + more)
        assert_refused(more + text)
        assert_refused(text[:8] + more + text[8:])


def test_cursor_of_another_version_is_refused() -> None:
    data = urlsafe_b64decode(cursor() + "=")
    for version in (0, 2, 255):
        assert_refused(urlsafe_b64encode(bytes([version]) + data[1:]).rstrip(b"=").decode())


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        " ",
        "=",
        "====",
        "A",
        "null",
        "{}",
        "-1",
        "cursor",
        "ключ-ключ",
        "😀" * 10,
        "\ud800" * 10,
        "\x00" * 12,
        "A" * 100_000,
        "=" * 100_000,
        "é" * 100_000,
        "Bearer of some secret",
        "%41%41",
        "../../etc/passwd",
    ],
)
def test_garbage_is_refused(garbage: str) -> None:
    assert_refused(garbage)


@given(
    st.text(st.characters()) | st.text(URL_SAFE) | st.binary().map(lambda b: urlsafe_b64encode(b).decode())
)
def test_any_text_is_refused_with_a_validation_error(text: str) -> None:
    assert_refused(text)


@given(st.binary())
def test_any_bytes_after_the_version_are_refused(data: bytes) -> None:
    assert_refused(urlsafe_b64encode(b"\x01" + data).rstrip(b"=").decode())


def test_error_details_name_the_field() -> None:
    with pytest.raises(ValidationError) as caught:
        cursors.decode("no-cursor-of-ours", source=None, event_type=None)
    assert [problem["field"] for problem in caught.value.details["errors"]] == ["cursor"]
