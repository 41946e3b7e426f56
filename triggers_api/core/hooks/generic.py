"""Hooks of providers without a preset: what their schemes may be, and the stored text of a scheme."""

import re
from dataclasses import asdict, fields, replace
from typing import Any

from triggers_api.core.hooks.schemes import (
    ALGORITHMS,
    ENCODINGS,
    PLACES,
    HmacScheme,
    OpenScheme,
    Scheme,
    SecretScheme,
)
from triggers_api.core.strict_json import dump, parse_text
from triggers_api.errors import CorruptRecordError, InvalidJsonError

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
"""A name by RFC 9110."""

_OPTIONS = ("header", "algorithm", "encoding", "prefix", "template", "timestamp_header", "id_header")
_KINDS = {"hmac": HmacScheme, "secret": SecretScheme, "none": OpenScheme}
_MAX_CHARACTERS = 256

_KEPT_OR_LOGGED = {"content-length", "content-type", "content-encoding", "host", "user-agent", "x-request-id"}
"""Headers that are kept with an event or logged, so that they cannot be the header of a secret."""

_MAY_HOLD_A_SECRET = {"authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key"}


def scheme_flaw(scheme: Scheme) -> str | None:
    """Return why a scheme cannot be that of a generic hook, or None."""
    if isinstance(scheme, HmacScheme):
        return _hmac_flaw(scheme)
    if isinstance(scheme, OpenScheme):
        return None
    if scheme.place not in PLACES:
        return f"the place of the secret must be one of {', '.join(PLACES)}"
    if scheme.place == "bearer":
        return "a bearer token has no name" if scheme.name else None
    if scheme.place == "header" and scheme.name.lower() in _KEPT_OR_LOGGED:
        return "the header of the secret is one that is kept with events, or logged"
    what = "header" if scheme.place == "header" else "parameter"
    return None if _TOKEN.fullmatch(scheme.name) else f"the name of the {what} is not a token (RFC 9110)"


def scheme_to_text(scheme: Scheme, id_header: str | None) -> str:
    """Return the JSON text of a scheme without flaws, and of the header that holds the delivery's id."""
    kind = next(kind for kind, of_kind in _KINDS.items() if isinstance(scheme, of_kind))
    defaults = {field.name: field.default for field in fields(scheme)}
    options = {name: value for name, value in asdict(scheme).items() if value != defaults[name]}
    return dump({"kind": kind, "options": options, "id_header": id_header})


def scheme_from_text(text: str | None) -> tuple[Scheme, str | None]:
    """Return the scheme and the id header of a text by `scheme_to_text`.

    Raises:
        CorruptRecordError: The text is damaged. It is not quoted.
    """
    damaged = CorruptRecordError("The scheme of a hook is damaged.")
    try:
        members = parse_text(text or "")
    except InvalidJsonError:
        raise damaged from None
    if not isinstance(members, dict) or set(members) != {"kind", "options", "id_header"}:
        raise damaged
    kind, options, id_header = members["kind"], members["options"], members["id_header"]
    if not (isinstance(id_header, str | None) and _are_texts(options)):
        raise damaged
    try:
        scheme: Scheme = _KINDS[kind](**options)
    except (KeyError, TypeError):  # an unknown kind or option, or no header
        raise damaged from None
    if generic_flaw(scheme, id_header):
        raise damaged
    return scheme, id_header


def generic_flaw(scheme: Scheme, id_header: str | None) -> str | None:
    """Return why a scheme and an id header cannot be those of a generic hook, or None."""
    if flaw := scheme_flaw(scheme):
        return flaw
    if id_header is None:
        return None
    if not _TOKEN.fullmatch(id_header):
        return "the name of the id header is not a token (RFC 9110)"
    secret_header = scheme.name if isinstance(scheme, SecretScheme) and scheme.place == "header" else ""
    if id_header.lower() in _MAY_HOLD_A_SECRET | {secret_header.lower()}:
        return "the id header may hold a secret"
    signed = (isinstance(scheme, HmacScheme) and scheme.id_header) or id_header
    return None if signed.lower() == id_header.lower() else "the id header is not the one that is signed"


def in_lower_case(scheme: Scheme) -> Scheme:
    """Return a scheme with the names of its headers in lower case."""
    if isinstance(scheme, HmacScheme):
        names = {name: getattr(scheme, name) for name in ("header", "timestamp_header", "id_header")}
        return replace(scheme, **{name: value and value.lower() for name, value in names.items()})
    if isinstance(scheme, SecretScheme) and scheme.place == "header":
        return replace(scheme, name=scheme.name.lower())
    return scheme


def _hmac_flaw(scheme: HmacScheme) -> str | None:
    template = scheme.template
    unknown = HmacScheme(**{name: getattr(scheme, name) for name in _OPTIONS}) != scheme
    names = re.findall(r"\{([^{}]*)\}", template)
    headers = [scheme.header, scheme.timestamp_header, scheme.id_header]
    flaws = {
        "a generic hook has no such options": unknown,
        "the name of a header is not a token (RFC 9110)": not all(
            name is None or _TOKEN.fullmatch(name) for name in headers
        ),
        "a header of the signature may hold a secret": not _MAY_HOLD_A_SECRET.isdisjoint(
            name.lower() for name in headers if name
        ),
        "two of the headers are the same": len({name.lower() for name in headers if name})
        < len([name for name in headers if name]),
        f"the algorithm must be one of {', '.join(ALGORITHMS)}": scheme.algorithm not in ALGORITHMS,
        f"the encoding must be one of {', '.join(ENCODINGS)}": scheme.encoding not in ENCODINGS,
        "the prefix or the template is too long, or cannot be printed": not all(
            len(text) <= _MAX_CHARACTERS and text.isprintable() for text in (scheme.prefix, template)
        ),
        "the prefix starts with white space or a comma": scheme.prefix != scheme.prefix.lstrip(" ,"),
        "the template must hold {body} once": names.count("body") != 1,
        "the template may hold only {body}, {timestamp} and {id} in braces": (
            not {"body", "timestamp", "id"}.issuperset(names)
            or len(names) * 2 != len(re.findall(r"[{}]", template))
        ),
        "a template with {timestamp} needs a timestamp header, which needs such a template": (
            ("timestamp" in names) != (scheme.timestamp_header is not None)
        ),
        "a template with {id} needs an id header": "id" in names and scheme.id_header is None,
    }
    return next((flaw for flaw, applies in flaws.items() if applies), None)


def _are_texts(options: Any) -> bool:
    return isinstance(options, dict) and all(isinstance(value, str) for value in options.values())
