"""The options of `triggers hooks create --preset generic`, and the scheme that they describe."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from triggers_api.core.hooks.generic import generic_flaw, scheme_to_text
from triggers_api.core.hooks.schemes import HmacScheme, OpenScheme, Scheme, SecretScheme
from triggers_api.errors import ConfigurationError

HMAC, SECRET, NONE = "hmac", "secret", "none"
KINDS = (HMAC, SECRET, NONE)
_HINT = "--help describes each option."
_POSSIBLE = {
    HMAC: {"header", "algorithm", "encoding", "prefix", "template", "timestamp_header", "id_header"},
    SECRET: {"header", "bearer", "query", "id_header"},
    NONE: {"id_header"},
}
"""The options of each kind of scheme."""


@dataclass(frozen=True, slots=True)
class GenericOptions:
    """The options as they were given; None, or False, if they were not. Each has the name of its option."""

    scheme: str | None = None
    header: str | None = None
    algorithm: str | None = None
    encoding: str | None = None
    prefix: str | None = None
    template: str | None = None
    timestamp_header: str | None = None
    id_header: str | None = None
    query: str | None = None
    bearer: bool = False

    def given(self) -> list[str]:
        """Return the options that were given, as a user writes them."""
        names = [field.name for field in fields(self) if getattr(self, field.name) not in (None, False)]
        return ["--" + name.replace("_", "-") for name in names]


def generic_scheme(options: GenericOptions) -> str:
    """Return the stored text of the scheme that the options describe.

    Raises:
        ConfigurationError: An option is missing, has a wrong value, or excludes another.
    """
    if options.scheme not in KINDS:
        raise ConfigurationError(
            "--preset generic needs --scheme hmac, --scheme secret or --scheme none.",
            reason="the service must know how the provider proves that a delivery is its own",
            hint="Look for the word signature in the provider's documentation. " + _HINT,
        )
    possible = {"--scheme", *("--" + name.replace("_", "-") for name in _POSSIBLE[options.scheme])}
    if excess := [name for name in options.given() if name not in possible]:
        raise ConfigurationError(
            f"{excess[0]} has no meaning with --scheme {options.scheme}.", hint=f"Leave it out. {_HINT}"
        )
    scheme = _scheme(options.scheme, options)
    if flaw := generic_flaw(scheme, options.id_header):
        raise ConfigurationError(f"This scheme is not possible: {flaw}.", hint=f"Correct it. {_HINT}")
    return scheme_to_text(scheme, options.id_header)


def _scheme(kind: str, options: GenericOptions) -> Scheme:
    if kind == HMAC:
        return _hmac(options)
    if kind == NONE:
        return OpenScheme()
    places = {"header": options.header, "query": options.query, "bearer": "" if options.bearer else None}
    given = [SecretScheme(place, name) for place, name in places.items() if name is not None]
    _require_one(given)
    return given[0]


def _hmac(options: GenericOptions) -> HmacScheme:
    if options.header is None:
        raise ConfigurationError(
            "--scheme hmac needs --header.",
            reason="it is the header of the signature, such as X-Signature",
            hint=_HINT,
        )
    template = "{body}" if options.template is None else options.template
    named = {
        name: value
        for name in ("algorithm", "encoding", "prefix", "timestamp_header")
        if (value := getattr(options, name)) is not None
    }
    is_signed = "{id}" in template
    return HmacScheme(
        options.header, template=template, id_header=options.id_header if is_signed else None, **named
    )


def _require_one(given: Sequence[SecretScheme]) -> None:
    if len(given) != 1:
        raise ConfigurationError(
            "--scheme secret needs one of --header, --query and --bearer.",
            reason="it is the place in which the provider sends the secret",
            hint=f"Give one of them. {_HINT}",
        )
