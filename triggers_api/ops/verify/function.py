"""The function as Lambda has it, and its log group (requirements, sections 8.1 and 10.1)."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from triggers_api.ops.template import FUNCTION
from triggers_api.ops.verify.live import Live
from triggers_api.ops.verify.look import Check, Look, Value

_ARCHITECTURE = (
    "Deploy it for the other processor with triggers deploy --architecture, and then for this one."
)


def looks(live: Live) -> list[Look]:
    """Return what to look at."""
    wanted = live.expected(FUNCTION)

    def ask() -> Any:
        return live.clients["lambda"].get_function_configuration(FunctionName=live.output("FunctionName"))

    update = f"aws lambda update-function-configuration --function-name {live.outputs.get('FunctionName')}"
    checks = (*_of_the_settings(live, wanted, update), *_of_the_variables(wanted, update))
    return [Look(ask, checks), _log_group(live)]


def _of_the_settings(live: Live, wanted: Mapping[str, Any], update: str) -> tuple[Check, ...]:
    handler, runtime, log_group = wanted["Handler"], wanted["Runtime"], wanted["LoggingConfig"]["LogGroup"]
    memory, timeout = wanted["MemorySize"], wanted["Timeout"]
    role = live.arn("iam", f"role/{live.outputs.get('RoleName')}", regional=False)
    return (
        Check("function: handler", handler, _text("Handler"), f"{update} --handler {handler}"),
        Check("function: runtime", runtime, _text("Runtime"), f"{update} --runtime {runtime}"),
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
            f"{update} --memory-size {memory}",
        ),
        Check(
            "function: timeout",
            f"{timeout} s",
            lambda found: f"{found['Timeout']} s",
            f"{update} --timeout {timeout}",
        ),
        Check("function: role", role, _text("Role"), f"{update} --role {role}"),
        Check(
            "function: log group",
            log_group,
            lambda found: str(found.get("LoggingConfig", {}).get("LogGroup")),
            f"{update} --logging-config LogGroup={log_group}",
        ),
    )


def _of_the_variables(wanted: Mapping[str, Any], update: str) -> tuple[Check, ...]:
    variables: dict[str, str] = wanted["Environment"]["Variables"]
    # AWS's command replaces them all.
    fix = f"{update} --environment 'Variables={{{','.join(f'{k}={v}' for k, v in variables.items())}}}'"
    known = [
        Check(f"function: {name}", value, partial(_variable, name), fix) for name, value in variables.items()
    ]
    others = Check(
        "function: other variables", frozenset(), partial(_other_variables, frozenset(variables)), fix
    )
    return (*known, others)


def _text(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda found: str(found.get(name))


def _variable(name: str, found: Mapping[str, Any]) -> str:
    environment = found.get("Environment", {})
    if "Error" in environment:  # Lambda cannot decrypt them for whoever asks
        return f"it cannot be told: {environment['Error'].get('Message')}"
    return str(environment.get("Variables", {}).get(name, "not set"))


def _other_variables(known: frozenset[str], found: Mapping[str, Any]) -> Value:
    """Return names only: what somebody has put there may be secret."""
    return frozenset(found.get("Environment", {}).get("Variables", {})) - known


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

    fix = f"aws logs put-retention-policy --log-group-name {name} --retention-in-days {days}"
    return Look(ask, (Check("log group: retention", f"{name}, {days} days", seen, fix),))
