"""The URLs that `triggers smoke` accepts, and those that receive a key unencrypted."""

import pytest

from triggers_api.cli import config
from triggers_api.errors import ConfigurationError, InvalidKeyError
from triggers_api.ops.smoke.urls import find_url
from triggers_api.ops.urls import base_url, is_in_clear, is_loopback


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example",
        "https://a.example/prod",
        "http://127.0.0.1:8000",
        "http://[::1]:8000/prod",
        "HTTP://h",
    ],
)
def test_a_url_is_accepted_with_and_without_a_slash_at_its_end(url: str) -> None:
    assert base_url(url) == base_url(f"{url}/") == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example",
        "a.example:8000",
        "//a.example",
        "ftp://a.example",
        "https://",
        "https:///prod",
        "https://anna:s3cret@a.example",
        "https://s3cret@a.example/prod",
        "https://a.example/prod?key=s3cret",
        "https://a.example/#s3cret",
        "https://a.example:0",
        "https://a.example:99999",
        "https://a.example:port",
        "https://a.example/ prod",
        "https://[::1",
    ],
)
def test_an_invalid_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        base_url(url)
    error = caught.value
    assert "s3cret" not in f"{error.message}{error.reason}{error.hint}"


@pytest.mark.parametrize(
    ("url", "loopback", "in_clear"),
    [
        ("http://127.0.0.1:8000", True, False),
        ("http://127.8.8.8", True, False),
        ("http://[::1]", True, False),
        ("http://localhost:1", True, False),
        ("http://api.localhost", True, False),
        ("http://10.0.0.1", False, True),
        ("http://localhost.example", False, True),
        ("https://a.example", False, False),
    ],
)
def test_a_key_is_unencrypted_over_http_to_another_machine(url: str, loopback: bool, in_clear: bool) -> None:
    assert (is_loopback(url), is_in_clear(url)) == (loopback, in_clear)


def test_the_url_of_the_local_stage_is_that_of_triggers_dev() -> None:
    assert find_url(config.resolve(stage="local", variables={})) == "http://127.0.0.1:8000"


def test_a_key_comes_from_the_flag_or_else_the_variable() -> None:
    variables = {"TRIGGERS_API_KEY": "of-the-variable_0123"}
    for flag, given, expected in (
        ("of-the-flag_01234567", variables, ("of-the-flag_01234567", "--key")),
        (None, variables, ("of-the-variable_0123", "TRIGGERS_API_KEY")),
        (None, {"TRIGGERS_API_KEY": ""}, None),
    ):
        found = config.api_key(flag, variables=given)
        assert (found and (found.value, found.origin)) == expected


@pytest.mark.parametrize(
    "key", ["", "short", "no\nheader-takes-this-key", "trg_prod_" + "a" * 43 + "_000000"]
)
def test_an_impossible_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(InvalidKeyError) as caught:
        config.api_key(key, variables={})
    assert "--key" in caught.value.message
    assert not key or key not in f"{caught.value.message}{caught.value.reason}"
