"""The function as Lambda has it, and its log group (requirements, sections 8.1 and 10.1)."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from triggers_api.errors import AwsUnavailableError
from triggers_api.ops.cloudformation.template import FUNCTION
from triggers_api.ops.verify.live import Live
from triggers_api.ops.verify.look import Check, Look, Value

_ARCHITECTURE = (
    "Deploy it for the other processor, and then for this one: triggers deploy --architecture arm64, "
    "triggers deploy --architecture x86_64."
)
_READY = "Active, last update Successful"
_NOT_READY = (
    "Where it is Pending or InProgress, wait; where it is Inactive, verify again: an idle function turns "
    "away the request that wakes it. Where it Failed, mend the cause, and change the function once more."
)


def looks(live: Live) -> list[Look]:
    """Return what to look at."""
    wanted = live.expected(FUNCTION)

    def ask() -> Any:
        return live.clients["lambda"].get_function_configuration(FunctionName=live.output("FunctionName"))

    def command(operation: str, *words: str) -> str:
        return live.command(
            "lambda", operation, "--function-name", live.outputs.get("FunctionName", "NAME"), *words
        )

    update = partial(command, "update-function-configuration")
    state = Check(
        "function: state", _READY, _state, f"{_NOT_READY} {command('get-function-configuration')} says why."
    )
    checks = (state, *_of_the_settings(live, wanted, update), *_of_the_variables(wanted, update))
    return [Look(ask, checks), _log_group(live)]


def _of_the_settings(live: Live, wanted: Mapping[str, Any], update: Callable[..., str]) -> tuple[Check, ...]:
    handler, runtime, log_group = wanted["Handler"], wanted["Runtime"], wanted["LoggingConfig"]["LogGroup"]
    log_format = wanted["LoggingConfig"].get("LogFormat", "Text")
    logging = update("--logging-config", f"LogFormat={log_format},LogGroup={log_group}")
    memory, timeout = wanted["MemorySize"], wanted["Timeout"]
    role = live.arn("iam", f"role/{live.outputs.get('RoleName')}", regional=False)
    return (
        Check("function: handler", handler, _text("Handler"), update("--handler", handler)),
        Check("function: runtime", runtime, _text("Runtime"), update("--runtime", runtime)),
        Check(
            "function: architecture",
            frozenset(wanted["Architectures"]),
            lambda found: frozenset(found.get("Architectures", ["x86_64"])),
            _ARCHITECTURE,
        ),
        Check(
            "function: memory",
            f"{memory} MB",
            lambda found: f"{found['MemorySize']} MB",
            update("--memory-size", str(memory)),
        ),
        Check(
            "function: timeout",
            f"{timeout} s",
            lambda found: f"{found['Timeout']} s",
            update("--timeout", str(timeout)),
        ),
        Check("function: role", role, _text("Role"), update("--role", role)),
        Check(
            "function: log group",
            log_group,
            lambda found: str(found.get("LoggingConfig", {}).get("LogGroup")),
            logging,
        ),
        Check(
            "function: log format",
            log_format,
            lambda found: str(found.get("LoggingConfig", {}).get("LogFormat", "Text")),
            logging,
        ),
    )


def _of_the_variables(wanted: Mapping[str, Any], update: Callable[..., str]) -> tuple[Check, ...]:
    variables: dict[str, str] = wanted["Environment"]["Variables"]
    # AWS's command replaces them all.
    listed = ",".join(f"{name}={value}" for name, value in variables.items())
    fix = update("--environment", f"Variables={{{listed}}}")
    known = [
        Check(f"function: {name}", value, partial(_variable, name), fix) for name, value in variables.items()
    ]
    others = Check(
        "function: other variables", frozenset(), partial(_other_variables, frozenset(variables)), fix
    )
    return (*known, others)


def _state(found: Mapping[str, Any]) -> str:
    """Return the function's state and how its last update ended, with Lambda's codes for the reasons."""
    told = []
    for name, good in (("State", "Active"), ("LastUpdateStatus", "Successful")):
        status, code = str(found.get(name)), found.get(f"{name}ReasonCode")
        told.append(f"{status} ({code})" if code and status != good else status)
    return ", last update ".join(told)


def _text(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda found: str(found.get(name))


def _variable(name: str, found: Mapping[str, Any]) -> str:
    return str(_variables(found).get(name, "not set"))


def _other_variables(known: frozenset[str], found: Mapping[str, Any]) -> Value:
    """Return names only: what somebody has put there may be secret."""
    return frozenset(_variables(found)) - known


def _variables(found: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the function's variables; `AwsUnavailableError` where Lambda cannot decrypt them."""
    environment = found.get("Environment", {})
    if "Error" in environment:
        raise AwsUnavailableError(
            "Lambda cannot decrypt the function's variables.",
            reason=str(environment["Error"].get("Message")),
            hint="Let whoever asks use the function's key of KMS, or do without it: no variable is secret.",
        )
    variables: Mapping[str, str] = environment.get("Variables", {})
    return variables


def _log_group(live: Live) -> Look:
    wanted = live.expected("TriggersApiLogGroup")
    name, days = wanted["LogGroupName"], wanted["RetentionInDays"]

    def ask() -> Any:
        # The names come in order: the one that is the whole prefix is the first.
        return live.clients["logs"].describe_log_groups(logGroupNamePrefix=name)["logGroups"]

    def seen(groups: Any) -> str:
        kept = [one.get("retentionInDays") for one in groups if one["logGroupName"] == name]
        if not kept:
            return f"there is no log group {name}"
        return f"{name}, {f'{kept[0]} days' if kept[0] else 'for ever'}"

    words = ("put-retention-policy", "--log-group-name", name, "--retention-in-days", str(days))
    fix = live.command("logs", *words)
    return Look(ask, (Check("log group: retention", f"{name}, {days} days", seen, fix),))
