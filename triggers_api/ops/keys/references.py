"""Find the key that an operator refers to, by the key itself, its digest, its id or the start of its id.

An id is the start of a digest. Keys have at least 16 characters and ids at most 12, so the two are never
mistaken for each other. A name is not accepted: several keys can have the same one.
"""

import re
from typing import TYPE_CHECKING

from triggers_api.core import keys
from triggers_api.core.keys import KeyRecord
from triggers_api.errors import CorruptRecordError, KeyNotFoundError
from triggers_api.ops.shell_commands import triggers_command

if TYPE_CHECKING:
    from triggers_api.core.ports import KeyStore  # its imports would slow down every keys command

_ID = re.compile(r"[0-9a-f]{4,12}")
_SHORT_ID = re.compile(r"[0-9a-f]{1,3}")


def is_key_id(text: str) -> bool:
    """Return whether a text is a key's id, or the start of one."""
    return _ID.fullmatch(text) is not None


def typing_error(reference: str) -> str | None:
    """Return why a text can be neither a key, nor a digest, nor an id; None if it can.

    A key that an operator chose may have any form that the service accepts.
    """
    if is_key_id(reference) or keys.is_digest(reference):
        return None
    if _SHORT_ID.fullmatch(reference):
        return "an id needs at least 4 characters"
    if keys.is_well_formed(reference) and not reference.startswith(keys.GENERATED_PREFIX):
        return None
    return keys.flaw_of(reference)


def find_digest(store: "KeyStore", reference: str) -> str:
    """Return the digest of the key that a reference stands for. Only an id is looked up in the store.

    Raises:
        KeyNotFoundError: The reference is mistyped, or no key or several keys have this id.
    """
    if is_key_id(reference):
        return _find_digest_by_id(store, reference)
    if flaw := typing_error(reference):
        raise not_found(flaw)
    return reference if keys.is_digest(reference) else keys.digest_of(reference)


def _find_digest_by_id(store: "KeyStore", key_id: str) -> str:
    """Return the digest of the one key with this id. Its record may be damaged: it can still be revoked."""
    digests = [
        digest for digest in map(_digest, store.list()) if digest.removeprefix("sha256:").startswith(key_id)
    ]
    if len(digests) > 1:
        raise KeyNotFoundError(
            f"The id {key_id} matches {len(digests)} keys.",
            reason="their ids start with the same characters",
            hint=f"Give more characters of the id: {_list_keys()}",
        )
    if not digests:
        raise not_found()
    return digests[0]


def _digest(found: KeyRecord | CorruptRecordError) -> str:
    return found.digest if isinstance(found, KeyRecord) else str(found.details.get("digest", ""))


def not_found(
    reason: str = "no key with this value or id was created here, or it belongs to another stage",
) -> KeyNotFoundError:
    """Return the error for a reference to a key that the stage does not have."""
    return KeyNotFoundError(
        "There is no such key on this stage.", reason=reason, hint=f"List them with: {_list_keys()}"
    )


def _list_keys() -> str:
    return triggers_command("keys list", "--all")
