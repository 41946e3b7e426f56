"""Cursors: decoding returns the encoded position under the same filters, and refuses everything else."""

import hashlib
import re
import string
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggers_api.core import cursors
from triggers_api.core.events import ACKNOWLEDGED, DEAD
from triggers_api.core.paging import EventQuery, Filter, Position
from triggers_api.errors import ValidationError

POSITION = Position("2026-01-02T03:04:05.000006Z", "0198c5f0-0000-7000-8000-00000000000a")
URL_SAFE = string.ascii_letters + string.digits + "-_"

filters = st.none() | st.text(max_size=100)

CURSORS_OF_0_1_0 = {
    (None, None): "AdQvnEZjXVqraYMHuFs",
    ("shop", None): "AS3nmE1wWCcaTYpR01s",
    (None, "paid"): "ATGNlwGBcBXZ8vEaYVs",
    ("shop", 'été "x"'): "ASalyLMO1Bn_gkPCWFs",
}
"""The start of what commit 49e0142 returned for `POSITION`, by source and type."""

SAME_END = "iMjAyNi0wMS0wMlQwMzowNDowNS4wMDAwMDZaIiwiMDE5OGM1ZjAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDBhIl0"


def query(*, source: str | None = None, event_type: str | None = None) -> EventQuery:
    return EventQuery(Filter(source=source, event_types=() if event_type is None else (event_type,)), 50, 0)


def cursor(*, source: str | None = None, event_type: str | None = None) -> str:
    return cursors.encode(POSITION, query(source=source, event_type=event_type))


def assert_refused(text: str, *, source: str | None = None, event_type: str | None = None) -> None:
    with pytest.raises(ValidationError) as caught:
        cursors.decode(text, query(source=source, event_type=event_type))
    error = caught.value
    if len(text) > 8:
        for shown in (error.message, error.reason, error.hint, repr(dict(error.details))):
            assert text not in shown


@given(st.datetimes().map(str), st.uuids().map(str), filters, filters)
def test_decoded_cursor_is_the_encoded_position(
    created_at: str, event_id: str, source: str | None, event_type: str | None
) -> None:
    position = Position(created_at, event_id)
    of_walk = query(source=source, event_type=event_type)
    assert cursors.decode(cursors.encode(position, of_walk), of_walk) == position


@pytest.mark.parametrize(("source", "event_type"), CURSORS_OF_0_1_0)
def test_walk_that_version_0_1_0_started_goes_on(source: str | None, event_type: str | None) -> None:
    text = CURSORS_OF_0_1_0[source, event_type] + SAME_END
    assert cursors.decode(text, query(source=source, event_type=event_type)) == POSITION
    assert cursor(source=source, event_type=event_type) == text, "and version 0.1.0 goes on with ours"


TYPES = ("paid", "sent")
WALKS = {
    "as version 0.1.0": Filter(),
    "source": Filter(source="shop"),
    "type": Filter(event_types=("paid",)),
    "source and type": Filter(source="shop", event_types=("paid",)),
    "types": Filter(event_types=TYPES),
    "source and types": Filter(source="shop", event_types=TYPES),
    "acknowledged": Filter(status=ACKNOWLEDGED),
    "dead": Filter(status=DEAD),
    "since": Filter(since="2026-01-01T00:00:00.000000Z"),
    "since later": Filter(since="2026-01-01T00:00:00.000001Z"),
    "until": Filter(until="2026-01-01T00:00:00.000000Z"),
    "since and until": Filter(since="2026-01-01T00:00:00.000000Z", until="2026-01-02T00:00:00.000000Z"),
}
QUERIES = {
    **{name: EventQuery(wanted, 50, 0) for name, wanted in WALKS.items()},
    **{f"{name}, newest": EventQuery(wanted, 50, 0, newest_first=True) for name, wanted in WALKS.items()},
    **{f"{name}, free": EventQuery(wanted, 50, 0, only_available=True) for name, wanted in WALKS.items()},
}


def test_cursor_leads_on_in_its_own_walk_only() -> None:
    for made, used in permutations(QUERIES.values(), 2):
        text = cursors.encode(POSITION, made)
        assert cursors.decode(text, replace(made, limit=7, now_ms=9)) == POSITION
        with pytest.raises(ValidationError):
            cursors.decode(text, used)


def test_only_walks_of_version_0_1_0_have_a_cursor_of_version_1() -> None:
    versions = {
        name: urlsafe_b64decode(cursors.encode(POSITION, one) + "==")[0] for name, one in QUERIES.items()
    }
    plain = {"as version 0.1.0", "source", "type", "source and type"}
    assert versions == {name: 1 if name in plain else 2 for name in QUERIES}


CHANGE = ("purge", "any", None, ("paid",), None, None, None, None)
TEXTS = ["2026-01-03T00:00:00.000000Z", "pending"]


def test_cursor_of_a_change_leads_on_in_its_own_walk_only() -> None:
    text = cursors.encode_change(TEXTS, POSITION, CHANGE)
    assert cursors.decode_change(text, CHANGE, texts=2) == (TEXTS, POSITION)
    other_walks = [
        ("requeue", *CHANGE[1:]),
        ("purge", "dead", *CHANGE[2:]),
        (*CHANGE[:2], "shop", *CHANGE[3:]),
        (*CHANGE[:3], ("paid", "sent"), *CHANGE[4:]),
        (*CHANGE[:7], "2026-01-01T00:00:00.000000Z"),
    ]
    for other in other_walks:
        with pytest.raises(ValidationError):
            cursors.decode_change(text, other, texts=2)


def test_cursor_keeps_the_number_of_shards() -> None:
    position = POSITION._replace(shards=4)
    for one in QUERIES.values():
        text = cursors.encode(position, one)
        assert urlsafe_b64decode(text + "==")[0] == 3
        assert cursors.decode(text, one) == position
    text = cursors.encode_change(TEXTS, position, CHANGE)
    assert cursors.decode_change(text, CHANGE, texts=2) == (TEXTS, position)


@pytest.mark.parametrize("shards", [b'"0"', b'"17"', b'"-1"', b'"04"', b'" 4"', b"4", b'"x"', b"null", b"[]"])
def test_forged_number_of_shards_is_refused(shards: bytes) -> None:
    place = b'["a","b",' + shards + b"]"
    assert_refused(forged(place, version=b"\x03"))


def test_cursor_of_a_page_is_none_of_a_change() -> None:
    text = cursors.encode_change(TEXTS, POSITION, CHANGE)
    for one in QUERIES.values():
        with pytest.raises(ValidationError):
            cursors.decode(text, one)
        with pytest.raises(ValidationError):
            cursors.decode_change(cursors.encode(POSITION, one), CHANGE, texts=2)


def forged(place: bytes, *, version: bytes = b"\x01") -> str:
    # The code is public, and its digest no secret.
    digest = hashlib.sha256(b"[null,null]\n" + place).digest()[:12]
    return urlsafe_b64encode(version + digest + place).rstrip(b"=").decode()


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
    assert_refused(forged(place))


def test_forged_cursor_with_a_valid_position_is_taken() -> None:
    """Else the test before this one would prove nothing."""
    assert cursors.decode(forged(b'["a","b"]'), query()) == Position("a", "b")


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
        cursors.decode("no-cursor-of-ours", query())
    assert [problem["field"] for problem in caught.value.details["errors"]] == ["cursor"]
