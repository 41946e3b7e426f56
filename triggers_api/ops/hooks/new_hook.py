"""A new hook: the checks of its values, before anything is changed."""

import re
from dataclasses import dataclass, field, replace

from triggers_api.core.hooks.presets import PRESETS, Preset, preset_of
from triggers_api.core.hooks.records import BY_DELIVERY, DEDUPE
from triggers_api.core.hooks.schemes import OpenScheme, secret_flaw
from triggers_api.core.keys import mask_keys
from triggers_api.errors import ConfigurationError
from triggers_api.ops.hooks.generic import GenericOptions, generic_scheme

GENERIC = "generic"
MAX_NAME = 100
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class HookPlan:
    """The checked values of a new hook.

    Attributes:
        name: The name of the preset.
        preset: The preset. That of `generic` has the scheme of the options.
        scheme: The JSON text of the scheme, for `generic` only.
        secret: The secret that the operator gave.
    """

    name: str
    preset: Preset
    scheme: str | None
    source: str
    event_type: str | None
    dedupe: str
    secret: str | None = field(default=None, repr=False)


def plan_hook(
    *,
    preset: str,
    source: str,
    event_type: str | None = None,
    dedupe: str = BY_DELIVERY,
    options: GenericOptions | None = None,
) -> HookPlan:
    """Return a new hook without a secret, from the options of a command line.

    Raises:
        ConfigurationError: An option has a wrong value, or excludes another. The message names the option.
    """
    if preset not in (*PRESETS, GENERIC):
        raise ConfigurationError(
            f"--preset: {preset!r} is not a preset.", hint=f"Use one of {', '.join((*PRESETS, GENERIC))}."
        )
    for option, text in (("--source", source), ("--event-type", event_type)):
        if text is not None:
            _check_name(option, text)
    if dedupe not in DEDUPE:
        raise ConfigurationError(f"--dedupe: {dedupe!r} is not possible.", hint=f"Use {' or '.join(DEDUPE)}.")
    options = options or GenericOptions()
    if preset != GENERIC and (given := options.given()):
        raise ConfigurationError(
            f"{given[0]} is for --preset {GENERIC} only.",
            reason=f"the preset {preset} knows how {PRESETS[preset].title} signs",
            hint=f"Leave {given[0]} out, or give --preset {GENERIC}.",
        )
    scheme = generic_scheme(options) if preset == GENERIC else None
    return HookPlan(preset, preset_of(preset, scheme), scheme, source, event_type, dedupe)


def with_secret(plan: HookPlan, secret: str | None) -> HookPlan:
    """Return a plan with the secret of the operator. None: without one.

    Raises:
        ConfigurationError: The secret is not allowed. It is not repeated.
    """
    if secret is None:
        return plan
    if not needs_secret(plan.preset):
        raise ConfigurationError(
            "--secret has no meaning with --scheme none.",
            reason="the URL is the secret",
            hint="Leave it out.",
        )
    check_secret(plan.preset, secret)
    return replace(plan, secret=secret)


def needs_secret(preset: Preset) -> bool:
    """Return whether deliveries are checked with a secret. Else the URL is the secret."""
    return not isinstance(preset.scheme, OpenScheme)


def check_secret(preset: Preset, secret: str) -> None:
    """Check a secret that the operator gave.

    Raises:
        ConfigurationError: The secret is not allowed. It is not repeated.
    """
    if flaw := secret_flaw(preset.scheme_for(secret), secret):
        raise ConfigurationError(
            f"This text cannot be a signing secret of {preset.title}.",
            reason=flaw,
            hint="Give the secret as the provider shows it, with nothing added.",
        )


def _check_name(option: str, text: str) -> None:
    if not text.strip() or len(text) > MAX_NAME or _CONTROLS.search(text):
        raise ConfigurationError(
            f"{option} must be 1 to {MAX_NAME} characters, not only blanks, and no control characters.",
            hint="Give another value.",
        )
    if mask_keys(text) != text:
        raise ConfigurationError(
            f"{option} contains an API key.", reason="it is stored and printed in clear", hint="Give a name."
        )
