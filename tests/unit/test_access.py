"""What a principal may do: its source, its scopes."""

import pytest

from triggers_api.core.access import DEFAULT_SCOPES, Principal, Scope
from triggers_api.core.keys import KeyRecord, digest_of
from triggers_api.errors import ForbiddenError

ANY = Principal("any", "digest")
SHOP = Principal("shop", "digest", source="shop")


def principal_of(scopes: str | None) -> Principal:
    return Principal.from_key(KeyRecord(digest_of("a-key-of-the-shop"), is_active=True, scopes=scopes))


def test_a_key_becomes_a_principal_with_its_source() -> None:
    record = KeyRecord(digest_of("a-key-of-the-shop"), is_active=True, source="shop")
    principal = Principal.from_key(record)
    assert (principal.key_id, principal.key_digest, principal.source) == (record.id, record.digest, "shop")


def test_a_key_of_version_0_1_0_ingests_and_consumes_and_does_not_manage() -> None:
    assert principal_of(None).scopes == DEFAULT_SCOPES == {"ingest", "consume"}


@pytest.mark.promise(17)
@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ("", set()),
        ("ingest", {"ingest"}),
        ("manage", {"manage"}),
        ("consume manage", {"consume", "manage"}),
        ("ingest consume manage", set(Scope)),
        ("ingest scope-of-a-later-version", {"ingest"}),
    ],
)
def test_a_key_has_the_scopes_of_its_record_and_no_other(scopes: str, expected: set[str]) -> None:
    principal = principal_of(scopes)
    for scope in Scope:
        if scope in expected:
            principal.require_scopes([scope])
        else:
            with pytest.raises(ForbiddenError):
                principal.require_scopes([scope])


def test_a_missing_scope_is_forbidden_and_named() -> None:
    producer = Principal("any", "digest", scopes=frozenset({Scope.INGEST}))
    producer.require_scopes([Scope.INGEST])
    with pytest.raises(ForbiddenError) as caught:
        producer.require_scopes([Scope.INGEST, Scope.CONSUME])
    assert caught.value.details == {"scope": "consume"}


def test_a_key_of_one_source_owns_events_of_that_source_only() -> None:
    assert [SHOP.owns("shop"), SHOP.owns("depot"), ANY.owns("depot")] == [True, False, True]
    SHOP.require_source("shop")
    with pytest.raises(ForbiddenError):
        SHOP.require_source("depot")


def test_a_filter_is_narrowed_to_the_source_of_the_key() -> None:
    assert [SHOP.narrow(None), SHOP.narrow("shop"), ANY.narrow(None), ANY.narrow("depot")] == [
        "shop",
        "shop",
        None,
        "depot",
    ]
    with pytest.raises(ForbiddenError):
        SHOP.narrow("depot")
