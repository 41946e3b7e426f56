"""What a principal may do: its source, its scopes."""

import pytest

from triggers_api.core.access import ALL_SCOPES, Principal, Scope
from triggers_api.core.keys import KeyRecord, digest_of
from triggers_api.errors import ForbiddenError

ANY = Principal("any", "digest")
SHOP = Principal("shop", "digest", source="shop")


def test_a_key_becomes_a_principal_with_its_source_and_every_scope() -> None:
    record = KeyRecord(digest_of("a-key-of-the-shop"), is_active=True, source="shop")
    principal = Principal.from_key(record)
    assert (principal.key_id, principal.key_digest, principal.source) == (record.id, record.digest, "shop")
    assert principal.scopes == ALL_SCOPES


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
