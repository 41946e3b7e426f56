"""Find the hook that an operator refers to: by its short id, its prefix, its digest, its URL or its whole id.

The short id, 12 characters of the digest, and the prefix, the start of the whole id, are in lists and logs.
The whole id is a secret, and so is the URL that holds it.
"""

import re
from typing import TYPE_CHECKING

from triggers_api.core.hooks.records import HookRecord, hook_digest_of, is_hook_id, short_id_of
from triggers_api.errors import CorruptRecordError, HookNotFoundError
from triggers_api.ops.shell_commands import triggers_command

if TYPE_CHECKING:
    from triggers_api.core.ports import HookStore

PATH = "/v1/hooks/"
"""The path of the endpoint, in front of a hook's id."""

_SHORT_ID = re.compile(r"[0-9a-f]{4,12}")
_PREFIX = re.compile(r"hook_[A-Za-z0-9_-]{4}")
_DIGEST = re.compile(r"hook:sha256:[0-9a-f]{64}")


def whole_id_in(reference: str) -> str | None:
    """Return the whole id that a text is, or that a URL ends with; None for any other text."""
    name = reference.partition("?")[0].rpartition(PATH)[2].removesuffix("/")
    return name if is_hook_id(name) else None


def base_in(reference: str) -> str | None:
    """Return what is in front of the path in the URL of a hook; None for a text without that."""
    return reference.partition("?")[0].rpartition(PATH)[0] or None


def is_public(reference: str) -> bool:
    """Return whether a text can be repeated: a short id or the start of one, or the form of a prefix."""
    return _SHORT_ID.fullmatch(reference) is not None or _PREFIX.fullmatch(reference) is not None


def find_digest(store: "HookStore", reference: str) -> str:
    """Return the digest of the hook that a reference stands for.

    Only a short id and a prefix are looked up in the store. The hook may be damaged: it can still be revoked.

    Raises:
        HookNotFoundError: The reference is mistyped, or no hook or several hooks match.
    """
    if whole_id := whole_id_in(reference):
        return hook_digest_of(whole_id)
    if _DIGEST.fullmatch(reference):
        return reference
    if not is_public(reference):
        raise not_found(
            "it is no short id of 4 to 12 of 0-9 a-f, and no prefix, URL or whole id of a hook, which is "
            "hook_ and 43 characters"
        )
    digests = [digest for digest, prefix in map(_names, store.list()) if _matches(reference, digest, prefix)]
    if len(digests) > 1:
        raise HookNotFoundError(
            f"{reference} matches {len(digests)} hooks.",
            reason="they start with the same characters",
            hint=f"Give the whole short id: {_list_hooks()}",
        )
    if not digests:
        raise not_found()
    return digests[0]


def _matches(reference: str, digest: str, prefix: str | None) -> bool:
    return reference == prefix or short_id_of(digest).startswith(reference)


def _names(found: HookRecord | CorruptRecordError) -> tuple[str, str | None]:
    if isinstance(found, HookRecord):
        return found.digest, found.prefix
    return str(found.details.get("digest", "")), None


def not_found(
    reason: str = "no hook with this id was created here, or it belongs to another stage",
) -> HookNotFoundError:
    """Return the error for a reference to a hook that the stage does not have."""
    return HookNotFoundError(
        "There is no such hook on this stage.", reason=reason, hint=f"List them with: {_list_hooks()}"
    )


def _list_hooks() -> str:
    return triggers_command("hooks list", "--all")
