"""Sign forwarded events by the rules of Standard Webhooks, with a secret that this machine keeps in a file.

The secret is created once and then stays, so that a handler can be configured with it.
"""

import base64
import hashlib
import hmac
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from triggers_api.errors import ConfigurationError, LocalEnvironmentError
from triggers_api.system_errors import explain_system_error

VARIABLE = "TRIGGERS_WEBHOOK_SECRET"
FILE_NAME = "webhook-secret"

_PREFIX = "whsec_"
_SECRET = re.compile(rf"{_PREFIX}([A-Za-z0-9+/]+={{0,2}})", re.ASCII)
_NEW_BYTES = 24  # without the = of base64, which some handlers refuse
_FEWEST_BYTES, _MOST_BYTES = 24, 64


class Signer:
    """Signs events with a secret."""

    def __init__(self, secret: str) -> None:
        self._key = _decode(secret)

    def headers(self, event_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
        """Return the headers of a signed request. `timestamp` is in seconds since 1970."""
        signed = f"{event_id}.{timestamp}.".encode() + body
        digest = hmac.new(self._key, signed, hashlib.sha256).digest()
        return {
            "webhook-id": event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        }


def check_secret(text: str) -> str:
    """Return the secret of the variable.

    Raises:
        ConfigurationError: The text is no such secret. It is not repeated.
    """
    try:
        _decode(text)
    except ValueError:
        raise ConfigurationError(
            f"{VARIABLE} is not a signing secret.",
            reason=f"a secret is {_PREFIX} and the base64 of {_FEWEST_BYTES} to {_MOST_BYTES} bytes",
            hint=f"Correct {VARIABLE}, or unset it to use the secret of this machine.",
        ) from None
    return text


def read_secret(folder: Path) -> str:
    """Return the secret of this machine. Create its file, readable for its owner only, if there is none.

    Raises:
        LocalEnvironmentError: The file cannot be read or created, or holds no secret.
    """
    path = folder / FILE_NAME
    try:
        if not path.exists():
            _create(path)
        text = path.read_text(encoding="utf-8").strip()
        _decode(text)
    except OSError as error:
        reason, fix = explain_system_error(
            error, folder, otherwise="Check this folder.", instead=f", or set {VARIABLE}"
        )
        raise LocalEnvironmentError(
            f"The signing secret in {path} cannot be used.", reason=reason, hint=fix
        ) from error
    except ValueError:
        raise LocalEnvironmentError(
            f"{path} holds no signing secret.",
            reason="the file is damaged",
            hint="Delete the file: the next run creates a new secret, which your handler then needs.",
        ) from None
    return text


def _create(path: Path) -> None:
    """Write the whole file before it gets its name. If another process is faster, its secret is kept."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent)  # with mode 0600
    os.close(descriptor)
    new = Path(name)
    try:
        secret = _PREFIX + base64.b64encode(secrets.token_bytes(_NEW_BYTES)).decode()
        new.write_text(f"{secret}\n", encoding="ascii")
        with suppress(FileExistsError):
            path.hardlink_to(new)
    finally:
        new.unlink()


def _decode(secret: str) -> bytes:
    """Return the key of a secret.

    Raises:
        ValueError: The text is no secret.
    """
    match = _SECRET.fullmatch(secret)
    key = base64.b64decode(match[1], validate=True) if match else b""
    if not _FEWEST_BYTES <= len(key) <= _MOST_BYTES:
        raise ValueError("no secret")
    return key
