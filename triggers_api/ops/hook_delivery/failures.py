"""Why a service did not accept a signed sample, and how to fix it."""

from dataclasses import dataclass
from http import HTTPStatus

from triggers_api.core.hooks.presets import Preset
from triggers_api.core.hooks.records import HookRecord
from triggers_api.ops.shell_commands import triggers_command

_SKEW_SECONDS = 30
_THROTTLED = "other requests use up the stage's throttle"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered. `date` is its time in seconds since 1970, if it sent one."""

    status: int
    is_empty: bool
    date: float | None
    milliseconds: int


def explain_answer(
    answer: Answer, record: HookRecord, preset: Preset, *, base: str, now: int
) -> tuple[str, str] | None:
    """Return the reason of a failure and its fix, None if the answer is that to a stored delivery.

    Args:
        answer: The answer.
        record: The hook, which is active.
        preset: Its preset.
        base: The URL of the API.
        now: The time in seconds since 1970.
    """
    log = triggers_command("logs tail", "--hook", record.id, "--since", "10m", "--no-follow")
    see_log = f"The log of the service has the reason. On AWS, read it with: {log}"
    elsewhere = (
        f"Check {base}, or give --public-url. With --stage local, --data-dir must be that of the running "
        f"`{triggers_command('dev')}`."
    )
    if answer.status == HTTPStatus.OK:
        return (
            None if answer.is_empty else ("the answer has a body, so it is from another service", elsewhere)
        )
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return _explain_refusal(answer, preset, now), see_log
    if answer.status == HTTPStatus.NOT_FOUND:
        return "the hook is active in the store, so this is not the API of the stage", elsewhere
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return _THROTTLED, "Try again."
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "the service cannot use the hook or its store right now", see_log
    return "no hook answers with this status", elsewhere


def _explain_refusal(answer: Answer, preset: Preset, now: int) -> str:
    if answer.date is not None and (skew := round(abs(answer.date - now))) > _SKEW_SECONDS:
        return f"the clocks of the service and of this machine differ by {skew} seconds"
    return (
        f"the sample has the stored secret and the form of {preset.title}, so the service has another "
        "secret, as it may for a second after a change, or a proxy changes the delivery"
    )
