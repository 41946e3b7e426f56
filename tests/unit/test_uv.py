"""What uv, and a program that uv runs, get of the operator's settings: indexes and network, nothing else."""

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from triggers_api.errors import BuildError, LocalEnvironmentError
from triggers_api.ops.build.uv import Uv, hint_for, tool_environment

KEPT = {
    "UV_INDEX": "shop=https://index.example/simple",
    "UV_INDEX_URL": "https://index.example/simple",
    "UV_INDEX_SHOP_USERNAME": "anna",
    "UV_INDEX_SHOP_PASSWORD": "s3cret",
    "UV_INDEX_STRATEGY": "unsafe-best-match",
    "UV_DEFAULT_INDEX": "https://index.example/simple",
    "UV_EXTRA_INDEX_URL": "https://more.example/simple",
    "UV_FIND_LINKS": "/srv/wheels",
    "UV_KEYRING_PROVIDER": "subprocess",
    "UV_INSECURE_HOST": "index.example",
    "UV_NATIVE_TLS": "true",
    "UV_SYSTEM_CERTS": "true",
    "UV_OFFLINE": "1",
    "UV_HTTP_TIMEOUT": "5",
    "UV_CACHE_DIR": "/srv/cache",
    "UV_CONCURRENT_DOWNLOADS": "1",
    "HTTPS_PROXY": "http://proxy.example:3128",
    "NO_PROXY": "localhost",
    "SSL_CERT_FILE": "/srv/ca.pem",
    "AWS_CA_BUNDLE": "/srv/ca.pem",
    "NETRC": "/srv/netrc",
    "PIP_INDEX_URL": "https://index.example/simple",
    "HOME": "/home/anna",
    "PATH": os.defpath,
    "UVICORN_PORT": "8000",
    "SAMPLE": "1",
}
DROPPED = """
UV_COMPILE_BYTECODE UV_CONSTRAINT UV_OVERRIDE UV_BUILD_CONSTRAINT UV_EXCLUDE_NEWER UV_NO_BINARY
UV_NO_BINARY_PACKAGE UV_NO_BUILD UV_NO_BUILD_PACKAGE UV_LINK_MODE UV_PRERELEASE UV_RESOLUTION UV_PYTHON
UV_PYTHON_PREFERENCE UV_SYSTEM_PYTHON UV_REQUIRE_HASHES UV_NO_VERIFY_HASHES UV_TORCH_BACKEND UV_PROJECT
UV_WORKING_DIR UV_NO_CONFIG UV_ENV_FILE UV_ISOLATED UV_TARGET PYTHONPATH PYTHONHOME PYTHONSTARTUP
PYTHONDONTWRITEBYTECODE PYTHONWARNINGS PYTHON_GIL PYTHON_COLORS
SAM_TEMPLATE_FILE SAM_DEBUG SAM_CLI_BETA_FEATURES RUST_LOG
"""
USER = """
index-url = "https://index.example/simple"
no-binary = ["pydantic-core"]
compile-bytecode = true
constraint-dependencies = ["fastapi<0.1"]
keyring-provider = "subprocess"
native-tls = true
allow-insecure-host = ["a.example"]

[[index]]
name = "shop"
url = "https://shop.example/simple"
default = true
authenticate = "always"
exclude-newer = 2020-01-01T00:00:00Z
cache-control = {api = "max-age=600"}

[pip]
no-binary = [":all:"]
python-version = "3.8"
extra-index-url = ["https://more.example/\\"simple\\""]
"""
SYSTEM = """
allow-insecure-host = ["b.example"]
index-strategy = "first-index"
keyring-provider = "disabled"

[[index]]
url = "https://system.example/simple"
"""


def written(folder: Path, **variables: str) -> Any:
    """Return the configuration file that uv gets."""
    environment = tool_environment({"HOME": str(folder), **variables}, folder)
    return tomllib.loads(Path(environment["UV_CONFIG_FILE"]).read_text(encoding="utf-8"))


def settings(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _no_system_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests away from the uv.toml of this machine."""
    exists = Path.is_file
    monkeypatch.setattr(Path, "is_file", lambda path: exists(path) and not path.is_relative_to("/etc"))


def test_variables_of_indexes_and_of_the_network_are_kept(tmp_path: Path) -> None:
    environment = tool_environment(KEPT, tmp_path)
    assert environment == {**KEPT, "UV_CONFIG_FILE": str(tmp_path / "uv.toml")}


@pytest.mark.parametrize("name", DROPPED.split())
def test_other_variables_of_uv_python_and_sam_are_dropped(name: str, tmp_path: Path) -> None:
    assert name not in tool_environment({name: "1"}, tmp_path)


def test_settings_of_indexes_are_kept_of_every_file_as_uv_merges_them(tmp_path: Path) -> None:
    settings(tmp_path / ".config" / "uv" / "uv.toml", USER)
    settings(tmp_path / "xdg" / "uv" / "uv.toml", SYSTEM)
    assert written(tmp_path, XDG_CONFIG_DIRS=str(tmp_path / "xdg")) == {
        "index-url": "https://index.example/simple",
        "keyring-provider": "subprocess",
        "native-tls": True,
        "allow-insecure-host": ["a.example", "b.example"],
        "index-strategy": "first-index",
        "index": [
            {
                "name": "shop",
                "url": "https://shop.example/simple",
                "default": True,
                "authenticate": "always",
                "cache-control": {"api": "max-age=600"},
            },
            {"url": "https://system.example/simple"},
        ],
        "pip": {"extra-index-url": ['https://more.example/"simple"']},
    }


def test_uv_config_file_and_xdg_config_home_are_honoured(tmp_path: Path) -> None:
    settings(tmp_path / ".config" / "uv" / "uv.toml", "offline = true")
    own = settings(tmp_path / "own.toml", "native-tls = true")
    settings(tmp_path / "there" / "uv" / "uv.toml", "no-index = true")
    assert written(tmp_path)["offline"] is True
    assert "offline" not in written(tmp_path, UV_CONFIG_FILE=str(own))
    assert written(tmp_path, UV_CONFIG_FILE=str(own))["native-tls"] is True
    assert written(tmp_path, XDG_CONFIG_HOME=str(tmp_path / "there"))["no-index"] is True
    assert written(tmp_path, UV_NO_CONFIG="1") == {"index": [], "pip": {}}


def test_unreadable_settings_of_uv_are_named(tmp_path: Path) -> None:
    path = settings(tmp_path / ".config" / "uv" / "uv.toml", "index-url = \n")
    with pytest.raises(BuildError) as caught:
        written(tmp_path)
    assert str(path) in caught.value.message
    assert "line 1" in caught.value.reason


@pytest.mark.parametrize("text", ["pip = 3", 'index = "https://x"', 'index = ["https://x"]'])
def test_settings_of_uv_of_a_wrong_type_are_named(tmp_path: Path, text: str) -> None:
    path = settings(tmp_path / ".config" / "uv" / "uv.toml", text)
    with pytest.raises(BuildError) as caught:
        written(tmp_path)
    assert str(path) in caught.value.message
    assert caught.value.reason.startswith(text.split(maxsplit=1)[0])


@pytest.mark.parametrize("folder", ["/h/\N{GRINNING FACE}", "/h/\xe4", '/h/"\\'])
def test_any_text_of_the_settings_is_kept(tmp_path: Path, folder: str) -> None:
    settings(tmp_path / ".config" / "uv" / "uv.toml", f"cache-dir = '{folder}'")
    assert written(tmp_path)["cache-dir"] == folder


def test_a_date_in_the_settings_is_left_to_uv(tmp_path: Path) -> None:
    settings(tmp_path / ".config" / "uv" / "uv.toml", "cache-dir = 2020-01-01")
    assert written(tmp_path)["cache-dir"] == "2020-01-01"


RELATIVE = """
find-links = ["./wheels", "https://index.example/wheels", "/srv/wheels"]
cache-dir = "cache"
extra-index-url = ["../simple"]
index = [{url = "simple"}, {url = "file:///srv/simple"}]
[pip]
find-links = ["wheels"]
"""


def test_relative_paths_of_the_settings_start_from_their_file(tmp_path: Path) -> None:
    folder = settings(tmp_path / ".config" / "uv" / "uv.toml", RELATIVE).parent
    assert written(tmp_path) == {
        "find-links": [f"{folder}/wheels", "https://index.example/wheels", "/srv/wheels"],
        "cache-dir": f"{folder}/cache",
        "extra-index-url": [f"{folder}/../simple"],
        "index": [{"url": f"{folder}/simple"}, {"url": "file:///srv/simple"}],
        "pip": {"find-links": [f"{folder}/wheels"]},
    }


def test_relative_paths_of_variables_start_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    variables = {
        "UV_FIND_LINKS": "wheels,https://a.example",
        "UV_CACHE_DIR": "my,cache",
        "SSL_CERT_FILE": "ca",
    }
    assert tool_environment(variables, tmp_path).items() >= {
        ("UV_FIND_LINKS", f"{tmp_path}/wheels,https://a.example"),
        ("UV_CACHE_DIR", f"{tmp_path}/my,cache"),
        ("SSL_CERT_FILE", f"{tmp_path}/ca"),
    }


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalEnvironmentError, match="cannot hold the build"):
        tool_environment({"HOME": str(tmp_path)}, tmp_path / "missing")


def test_uv_runs_with_these_settings_only(tmp_path: Path) -> None:
    program = tmp_path / "uv"
    program.write_text('#!/bin/sh\nenv; pwd; ls; cat "$UV_CONFIG_FILE"\n')
    program.chmod(0o755)
    settings(tmp_path / ".config" / "uv" / "uv.toml", "no-binary = ['a']\nindex-url = 'https://a.example'")
    variables = {"PATH": os.defpath, "HOME": str(tmp_path), "UV_CONSTRAINT": "here", "UV_INDEX": "there"}
    done = Uv(str(program), variables).run("pip")
    assert "UV_INDEX=there" in done.stdout
    assert "UV_CONSTRAINT" not in done.stdout
    assert 'index-url = "https://a.example"' in done.stdout
    assert "no-binary" not in done.stdout


@pytest.mark.parametrize(
    ("output", "hint"),
    [
        ("error: Failed to fetch: `https://i/`\n  Caused by: dns error: failed to look up", "HTTPS_PROXY"),
        ("error: Failed to fetch\n  Caused by: invalid peer certificate: UnknownIssuer", "SSL_CERT_FILE"),
        ("An index URL (https://i/) could not be queried: 401 Unauthorized", "UV_INDEX_NAME_USERNAME"),
        ("x Failed to download `a==1`: Hash mismatch for `a==1`", "mirrors PyPI"),
        ("x No solution found when resolving dependencies: a was not found in the registry", "mirrors PyPI"),
        ("error: Network connectivity is disabled but the requested data wasn't found", "UV_OFFLINE"),
        ("error: No solution found\nhint: unavailable because the network was disabled.", "UV_OFFLINE"),
        ("error: failed to write: No space left on device (os error 28)", "Free space"),
        ("error: failed to open file `/cache`: Permission denied (os error 13)", "UV_CACHE_DIR"),
        ("error: unexpected argument '--require-hashes' found", "Correct what uv reports"),
    ],
)
def test_hint_names_the_cause_of_a_failed_build(output: str, hint: str) -> None:
    assert hint in hint_for(output)
    if "dns error" not in output:
        assert "Check the network" not in hint_for(output)
