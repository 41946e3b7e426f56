"""Run uv, with this build's settings in place of the user's.

A user's constraint, `no-binary` or PYTHONPATH would change the build, or break it. The settings of package
indexes and of the network are kept, because nothing can be installed without them. So uv gets an environment
without its other variables and those of Python, and a configuration file with the kept settings of the user's
own `uv.toml`.
"""

import importlib.util
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from triggers_api.errors import BuildError
from triggers_api.ops.build.scratch import explain_local_errors, scratch_folder
from triggers_api.ops.shell_commands import python_command

_CHANGES_TOOLS = re.compile(r"UV_|PYTHON|SAM_|__SAM_|RUST_LOG$")
_KEPT_VARIABLES = re.compile(
    r"UV_(INDEX(_\w+)?|DEFAULT_INDEX|EXTRA_INDEX_URL|FIND_LINKS|KEYRING_PROVIDER|INSECURE_HOST|NATIVE_TLS"
    r"|SYSTEM_CERTS|OFFLINE|HTTP_\w+|REQUEST_TIMEOUT|CACHE_DIR|NO_CACHE|CONCURRENT_\w+|CREDENTIALS_DIR"
    r"|PYTHON_INSTALL_(DIR|MIRROR)|PYTHON_DOWNLOADS|TOOL_DIR|LOCK_TIMEOUT)"
)
_INDEX_SETTINGS = {
    "index-url",
    "extra-index-url",
    "no-index",
    "find-links",
    "index-strategy",
    "keyring-provider",
}
_KEPT_SETTINGS = _INDEX_SETTINGS | {
    "index",
    "allow-insecure-host",
    "native-tls",
    "system-certs",
    "offline",
    "http-proxy",
    "https-proxy",
    "no-proxy",
    "cache-dir",
    "python-downloads",
    "python-install-mirror",
}
_SETTINGS_OF_AN_INDEX = (
    "name",
    "url",
    "default",
    "explicit",
    "format",
    "authenticate",
    "ignore-error-codes",
    "cache-control",
)
_LOCATIONS = {"index-url", "extra-index-url", "find-links", "cache-dir", "url"}
"""The settings that are URLs or paths, and the one of an index."""
_PATH_VARIABLES = re.compile(r"UV_\w+_DIR|SSL_CERT_FILE|(AWS|REQUESTS)_CA_BUNDLE|NETRC")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_CA_HINT = "Set SSL_CERT_FILE to the certificate authority of your network, or UV_NATIVE_TLS=true."
_HINTS = (
    (r"certificate|UnknownIssuer", f"{_CA_HINT} Check this machine's clock too."),
    (
        r"\b401\b|\b403\b|Unauthorized|Forbidden|credentials",
        "Give the package index's credentials: in ~/.netrc, or UV_INDEX_NAME_USERNAME and _PASSWORD.",
    ),
    (
        r"network was disabled|connectivity is disabled",
        "Unset UV_OFFLINE, or install once with a network to fill the cache.",
    ),
    (
        r"[Hh]ash mismatch|not found in the|no versions|no wheels|No solution|unsatisfiable|\b404\b",
        "Use a package index that mirrors PyPI: set UV_DEFAULT_INDEX, and check UV_INDEX and uv.toml.",
    ),
    (
        r"No space left|os error 28",
        "Free space on the disk of uv's cache, or set UV_CACHE_DIR to another folder.",
    ),
    (r"Permission denied|os error 13|Read-only", "Make uv's cache writable, or set UV_CACHE_DIR."),
    (
        r"Failed to fetch|error sending request|dns error|connect|timed out",
        "Check the network, HTTPS_PROXY and UV_DEFAULT_INDEX, and try again.",
    ),
)


@dataclass(frozen=True, slots=True)
class Uv:
    """The uv executable, and the user's environment."""

    executable: str
    environment: Mapping[str, str] = field(repr=False)

    def run(self, *arguments: str, timeout: float | None = None) -> subprocess.CompletedProcess[str]:
        """Run uv in an empty folder, in which no stray file can change its settings.

        Raises:
            BuildError: The user's `uv.toml` cannot be read.
            LocalEnvironmentError: The temporary folder cannot be written.
            OSError: uv does not run.
            subprocess.TimeoutExpired: uv did not finish in time.
        """
        with scratch_folder() as folder:
            return subprocess.run(  # noqa: S603 - no shell, and no untrusted argument
                [self.executable, *arguments],
                cwd=folder,
                env=tool_environment(self.environment, folder),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                timeout=timeout,
            )


def find_uv() -> str:
    """Return the path of the uv executable.

    Raises:
        BuildError: uv is not installed.
    """
    found = None
    if importlib.util.find_spec("uv") is not None:
        from uv import find_uv_bin  # a dependency of the package, but not of a checkout's python3

        try:
            found = find_uv_bin()
        except FileNotFoundError:
            found = None
    if found := found or shutil.which("uv"):
        return found
    raise BuildError(
        "The artifact cannot be built without uv.",
        reason="uv is installed neither with this Python nor on PATH",
        hint=f"Run `{python_command('pip', 'install', 'uv')}`.",
    )


def tool_environment(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the environment for uv, for a program that uv runs, and for SAM.

    Args:
        environment: The user's environment.
        folder: The folder for uv's configuration file. It must outlive the program.

    Raises:
        BuildError: The user's `uv.toml` cannot be read.
        LocalEnvironmentError: The folder cannot be written.
    """
    path = folder / "uv.toml"
    settings = _to_toml(_kept_settings(environment))
    with explain_local_errors():
        path.write_text(settings, encoding="utf-8")
    kept = {
        name: _fixed_variable(name, value)
        for name, value in environment.items()
        if not _CHANGES_TOOLS.match(name) or _KEPT_VARIABLES.fullmatch(name)
    }
    return {**kept, "UV_CONFIG_FILE": str(path)}


def _fixed_variable(name: str, value: str) -> str:
    """Return the value of a variable; if it holds paths, they start from the working directory."""
    if name == "UV_FIND_LINKS":
        return ",".join(_fixed_location(one, Path()) for one in value.split(","))
    return _fixed_location(value, Path()) if _PATH_VARIABLES.fullmatch(name) else value


def _fixed_location(location: str, folder: Path) -> str:
    """Return a URL or path that does not depend on the working directory: uv runs in another one."""
    is_fixed = not location or location.startswith("~") or _SCHEME.match(location)
    return location if is_fixed else str((folder / location).absolute())


def hint_for(output: str) -> str:
    """Return the fix for what uv reported."""
    return next(
        (hint for pattern, hint in _HINTS if re.search(pattern, output)),
        "Correct what uv reports, and try again.",
    )


def _kept_settings(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings to keep of the user's and the system's `uv.toml`, merged as uv merges them."""
    merged: dict[str, Any] = {}
    of_pip: dict[str, Any] = {}
    for path in _settings_files(environment):
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
            _check_tables(document)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise BuildError(
                f"uv's configuration file {path} cannot be read.", reason=str(error), hint="Correct the file."
            ) from error
        document = _fix_locations("", document, path.parent)
        _merge(merged, document, _KEPT_SETTINGS)
        _merge(of_pip, document.get("pip", {}), _INDEX_SETTINGS)
    indexes = [
        {name: index[name] for name in _SETTINGS_OF_AN_INDEX if name in index}
        for index in merged.pop("index", [])
    ]
    return {**merged, "index": indexes, "pip": of_pip}


def _check_tables(document: Mapping[str, Any]) -> None:
    """Raise ValueError unless the settings that are read here have their types. uv checks the others."""
    if not isinstance(document.get("pip", {}), dict):
        raise ValueError("pip is not a table")  # noqa: TRY004 - a wrong value, as an error of the syntax
    indexes = document.get("index", [])
    if not (isinstance(indexes, list) and all(isinstance(one, dict) for one in indexes)):
        raise ValueError("index is not a list of tables")


def _fix_locations(name: str, value: Any, folder: Path) -> Any:
    """Return a setting whose relative paths start from the folder of its file."""
    if isinstance(value, dict):
        return {inner: _fix_locations(inner, one, folder) for inner, one in value.items()}
    if isinstance(value, list):
        return [_fix_locations(name, one, folder) for one in value]
    return _fixed_location(value, folder) if name in _LOCATIONS and isinstance(value, str) else value


def _merge(merged: dict[str, Any], settings: Mapping[str, Any], names: set[str]) -> None:
    """Add settings of a lower precedence. Lists are joined."""
    for name in sorted(names & settings.keys()):
        before, value = merged.get(name), settings[name]
        if before is None:
            merged[name] = value
        elif isinstance(before, list) and isinstance(value, list):
            merged[name] = [*before, *value]


def _settings_files(environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield the configuration files that uv would read here, those of the highest precedence first."""
    if environment.get("UV_NO_CONFIG", "").lower() in {"1", "true", "yes", "y", "t", "on"}:
        return
    if own := environment.get("UV_CONFIG_FILE"):
        yield Path(own)
        return
    home = Path(environment.get("HOME") or Path.home())
    yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config", "uv", "uv.toml")
    folders = [*(environment.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"), "/etc"]
    found = (path for folder in folders if (path := Path(folder, "uv", "uv.toml")).is_file())
    yield from list(found)[:1]  # uv reads the first of them only


def _to_toml(settings: Mapping[str, Any]) -> str:
    return "".join(f"{name} = {_toml_value(value)}\n" for name, value in settings.items())


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{json.dumps(name)} = {_toml_value(one)}" for name, one in value.items()) + "}"
        )
    if isinstance(value, list):
        return f"[{', '.join(map(_toml_value, value))}]"
    # TOML writes texts, numbers and booleans as JSON does, but has no surrogate pairs. A setting kept here is
    # no date: uv reports it as a wrong text.
    return json.dumps(value, ensure_ascii=False, default=str)
