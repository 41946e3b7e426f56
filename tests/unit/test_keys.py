"""Keys: their format, the typos it detects, and the checks of a key record."""

import hashlib
import re
import string
import zlib
from typing import Any

import pytest

from triggers_api.core.keys import LOCAL_KEY, KeyRecord, digest_of, generate, is_well_formed, mask_keys
from triggers_api.core.times import format_time
from triggers_api.errors import CorruptRecordError

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
BASE64 = string.ascii_letters + string.digits + "-_"
NOW = 1_800_000_000_000_000
DIGEST = digest_of("a-key-of-our-own")


def changed(key: str, place: int, character: str) -> str:
    return key[:place] + character + key[place + 1 :]


def random_part(key: str) -> range:
    return range(len(key) - 50, len(key) - 7)


def checksum_part(key: str) -> range:
    return range(len(key) - 6, len(key))


@pytest.mark.parametrize("stage", ["dev", "prod", "local", "eu-1", "7"])
def test_generated_key_has_the_documented_format(stage: str) -> None:
    for _ in range(20):
        key = generate(stage)
        assert re.fullmatch(rf"trg_{stage}_[A-Za-z0-9_-]{{43}}_[0-9A-Za-z]{{6}}", key, re.ASCII)
        assert is_well_formed(key)


def test_checksum_is_the_crc32_of_the_rest_in_base62() -> None:
    body, _, checksum = generate("prod").rpartition("_")
    number = 0
    for digit in checksum:
        number = number * 62 + BASE62.index(digit)
    assert number == zlib.crc32(body.encode())


def test_generated_keys_differ() -> None:
    keys = [generate("dev") for _ in range(500)]
    assert len(set(keys)) == 500
    for place in random_part(keys[0]):
        assert len({key[place] for key in keys}) > 4


def test_any_wrong_character_in_the_random_part_is_detected() -> None:
    for key in (generate("dev") for _ in range(5)):
        for place in random_part(key):
            for other in BASE64:
                assert is_well_formed(changed(key, place, other)) == (other == key[place])


def test_any_wrong_digit_in_the_checksum_is_detected() -> None:
    for key in (generate("dev") for _ in range(5)):
        for place in checksum_part(key):
            for other in BASE62:
                assert is_well_formed(changed(key, place, other)) == (other == key[place])


def test_changed_stage_is_detected() -> None:
    for key in (generate("dev") for _ in range(20)):
        for other in ("prod", "dew", "d", "dev-2"):
            assert not is_well_formed(key.replace("trg_dev_", f"trg_{other}_"))


def test_swapped_neighbours_are_detected() -> None:
    for key in (generate("dev") for _ in range(20)):
        for place in random_part(key)[:-1]:
            if key[place] != key[place + 1]:
                swapped = changed(changed(key, place, key[place + 1]), place + 1, key[place])
                assert not is_well_formed(swapped)


def test_forbidden_character_is_detected_anywhere() -> None:
    key = generate("dev")
    for place in range(len(key)):
        for other in " .:+/=é٣\n\x00":
            assert not is_well_formed(changed(key, place, other))


def test_white_space_around_a_key_is_detected() -> None:
    for key in (generate("dev"), "a-key-of-our-own"):
        for text in (f" {key}", f"{key} ", f"{key}\n", f"\t{key}", f'"{key}"'):
            assert not is_well_formed(text)


@pytest.mark.parametrize(
    ("length", "accepted"), [(0, False), (15, False), (16, True), (128, True), (129, False)]
)
def test_chosen_key_has_16_to_128_characters(length: int, accepted: bool) -> None:
    assert is_well_formed("k" * length) is accepted


def test_chosen_key_has_url_safe_characters_only() -> None:
    accepted = {chr(code) for code in range(0x300) if is_well_formed("own-key-" + chr(code) * 8)}
    assert accepted == set(BASE64)


def test_local_key_is_well_formed() -> None:
    assert LOCAL_KEY == "test-api-key-12345"
    assert is_well_formed(LOCAL_KEY)


def test_digest_is_not_well_formed_as_a_key() -> None:
    # Reading the table must not be enough to authenticate.
    assert not is_well_formed(digest_of(generate("dev")))


def test_digest_is_the_labelled_sha256_of_the_key() -> None:
    key = generate("dev")
    assert digest_of(key) == f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"
    assert digest_of(key) != digest_of(key + "a")


def test_key_id_is_the_start_of_the_digest() -> None:
    key = generate("dev")
    record = KeyRecord(digest_of(key), is_active=True, prefix=key[:12])
    assert record.id == hashlib.sha256(key.encode()).hexdigest()[:12]


def test_key_without_expiry_is_valid_at_any_time() -> None:
    record = KeyRecord(DIGEST, is_active=True)
    assert record.is_valid_at("1970-01-01T00:00:00.000000Z")
    assert record.is_valid_at("9999-12-31T23:59:59.999999Z")


def test_key_is_valid_until_just_before_its_expiry() -> None:
    record = KeyRecord(DIGEST, is_active=True, expires_at=format_time(NOW))
    assert record.is_valid_at(format_time(NOW - 1))
    assert not record.is_valid_at(format_time(NOW))
    assert not record.is_valid_at(format_time(NOW + 1))


@pytest.mark.parametrize("expires_at", [None, format_time(NOW + 1)])
def test_inactive_key_is_never_valid(expires_at: str | None) -> None:
    assert not KeyRecord(DIGEST, is_active=False, expires_at=expires_at).is_valid_at(format_time(NOW))


@pytest.mark.parametrize("is_active", [None, 1, 0, "", "true", "false", b"\x01", [True]])
def test_record_without_a_boolean_is_active_is_corrupt(is_active: Any) -> None:
    with pytest.raises(CorruptRecordError, match="is_active"):
        KeyRecord(DIGEST, is_active=is_active)


@pytest.mark.parametrize(
    "expires_at",
    [
        "",
        "never",
        "1800000000",
        "2027-01-15",
        "2027-01-15T08:00:00Z",
        "2027-01-15T08:00:00.000000+00:00",
        "2027-01-15T08:00:00.000000Z\n",
        " 2027-01-15T08:00:00.000000Z",
        "\u0662027-01-15T08:00:00.000000Z",
    ],
)
def test_record_with_an_expiry_in_another_format_is_corrupt(expires_at: str) -> None:
    with pytest.raises(CorruptRecordError, match="expires_at"):
        KeyRecord(DIGEST, is_active=True, expires_at=expires_at)


@pytest.mark.parametrize("expires_at", [b"2027-01-02T03:04:05.000006Z", 5, "9999-99-99T99:99:99.999999Z"])
def test_record_with_an_impossible_expiry_is_corrupt(expires_at: Any) -> None:
    with pytest.raises(CorruptRecordError):
        KeyRecord(DIGEST, is_active=True, expires_at=expires_at)


@pytest.mark.parametrize("source", ["", b"shop", 5, "\udcff"])
def test_record_with_an_impossible_source_is_corrupt(source: Any) -> None:
    # An empty source must never mean "bound to no source".
    with pytest.raises(CorruptRecordError):
        KeyRecord(DIGEST, is_active=True, source=source)


def test_error_of_a_corrupt_record_shows_the_key_id_only() -> None:
    with pytest.raises(CorruptRecordError) as caught:
        KeyRecord(DIGEST, is_active=True, expires_at="s3cret")
    assert DIGEST.removeprefix("sha256:")[:12] in caught.value.message
    assert DIGEST not in caught.value.message
    assert "s3cret" not in caught.value.message


@pytest.mark.parametrize("stage", ["prod", "eu-1", "x" * 20])
def test_generated_keys_in_a_text_are_masked(stage: str) -> None:
    one, other = generate(stage), generate(stage)
    assert mask_keys(f"a {one}, b={other}&c") == "a ***, b=***&c"
    assert mask_keys(f'{{"source":"{one}"}}') == '{"source":"***"}'
    for part in (one[:-1], one[:-20], f"{one}more", f"id-{one}"):
        assert one[-30:-20] not in mask_keys(part)
    assert mask_keys(LOCAL_KEY) == "***"


def test_id_of_a_hook_in_a_text_is_masked_and_its_start_is_not() -> None:
    hook_id = "hook_" + "aB-_" * 10 + "cde"
    assert mask_keys(f'{{"path": "/v1/hooks/{hook_id}"}}') == '{"path": "/v1/hooks/***"}'
    assert mask_keys(hook_id[:9]) == hook_id[:9]


def test_own_key_in_a_text_is_masked_if_the_caller_names_it() -> None:
    own = "a-key-that-I-chose"
    assert mask_keys(f"job.{own}:1") == f"job.{own}:1"
    assert mask_keys(f"job.{own}:1 {generate('prod')}", own) == "job.***:1 ***"


@pytest.mark.parametrize("text", ["", "trg_", "trg_orders", "trg_shop_orders", "test-api-key", "0" * 128])
def test_text_without_a_key_is_not_changed(text: str) -> None:
    assert mask_keys(text) == text
