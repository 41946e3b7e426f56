"""Probes of the function and its log group (requirements, sections 8.1 and 10.1)."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from triggers_api.errors import AwsUnavailableError
from triggers_api.ops.cloudformation.template import FUNCTION
from triggers_api.ops.shell_commands import aws_command, triggers_command
from triggers_api.ops.verify.live_stack import LiveStack
from triggers_api.ops.verify.probe import Expectation, Probe, Value

_READY = "Active, last update Successful"
_NOT_READY = (
    "If it is Pending or InProgress, wait. If it is Inactive, verify again: an idle function refuses the "
    "request that wakes it. If it Failed, fix the cause, and update the function again."
)


def make_probes(live: LiveStack) -> list[Probe]:
    """Return the probes."""
    wanted = live.expected(FUNCTION)

    def ask() -> Any:
        return live.clients["lambda"].get_function_configuration(FunctionName=live.output("FunctionName"))

    def command(operation: str, *words: str) -> str:
        return aws_command(
            "lambda", operation, "--function-name", live.outputs.get("FunctionName", "NAME"), *words
        )

    update = partial(command, "update-function-configuration")
    state = Expectation(
        "function: state",
        _READY,
        _read_state,
        f"{_NOT_READY} For the reason: {command('get-function-configuration')}",
    )
    checks = (state, *_expect_settings(live, wanted, update), *_expect_variables(wanted, update))
    return [Probe(ask, checks), _probe_log_group(live)]


def _expect_settings(
    live: LiveStack, wanted: Mapping[str, Any], update: Callable[..., str]
) -> tuple[Expectation, ...]:
    handler, runtime, log_group = wanted["Handler"], wanted["Runtime"], wanted["LoggingConfig"]["LogGroup"]
    log_format = wanted["LoggingConfig"].get("LogFormat", "Text")
    logging = update("--logging-config", f"LogFormat={log_format},LogGroup={log_group}")
    memory, timeout = wanted["MemorySize"], wanted["Timeout"]
    other_first = sorted(("arm64", "x86_64"), key=lambda one: one in wanted["Architectures"])
    role = live.arn("iam", f"role/{live.outputs.get('RoleName')}", regional=False)
    return (
        Expectation("function: handler", handler, _field("Handler"), update("--handler", handler)),
        Expectation("function: runtime", runtime, _field("Runtime"), update("--runtime", runtime)),
        Expectation(
            "function: architecture",
            frozenset(wanted["Architectures"]),
            lambda found: frozenset(found.get("Architectures", ["x86_64"])),
            "Deploy for the other architecture, then for the right one: "
            + ", then ".join(f"`{triggers_command('deploy', '--architecture', one)}`" for one in other_first),
        ),
        Expectation(
            "function: memory",
            f"{memory} MB",
            lambda found: f"{found['MemorySize']} MB",
            update("--memory-size", str(memory)),
        ),
        Expectation(
            "function: timeout",
            f"{timeout} s",
            lambda found: f"{found['Timeout']} s",
            update("--timeout", str(timeout)),
        ),
        Expectation("function: role", role, _field("Role"), update("--role", role)),
        Expectation(
            "function: log group",
            log_group,
            lambda found: str(found.get("LoggingConfig", {}).get("LogGroup")),
            logging,
        ),
        Expectation(
            "function: log format",
            log_format,
            lambda found: str(found.get("LoggingConfig", {}).get("LogFormat", "Text")),
            logging,
        ),
    )


def _expect_variables(wanted: Mapping[str, Any], update: Callable[..., str]) -> tuple[Expectation, ...]:
    variables: dict[str, str] = wanted["Environment"]["Variables"]
    # The AWS CLI command replaces all variables.
    listed = ",".join(f"{name}={value}" for name, value in variables.items())
    fix = update("--environment", f"Variables={{{listed}}}")
    known = [
        Expectation(f"function: {name}", value, partial(_read_variable, name), fix)
        for name, value in variables.items()
    ]
    others = Expectation(
        "function: other variables", frozenset(), partial(_read_other_variables, frozenset(variables)), fix
    )
    return (*known, others)


def _read_state(found: Mapping[str, Any]) -> str:
    """Return the function's state and how its last update ended, with Lambda's codes for the reasons."""
    parts = []
    for name, good in (("State", "Active"), ("LastUpdateStatus", "Successful")):
        status, code = str(found.get(name)), found.get(f"{name}ReasonCode")
        parts.append(f"{status} ({code})" if code and status != good else status)
    return ", last update ".join(parts)


def _field(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda found: str(found.get(name))


def _read_variable(name: str, found: Mapping[str, Any]) -> str:
    return str(_variables(found).get(name, "not set"))


def _read_other_variables(known: frozenset[str], found: Mapping[str, Any]) -> Value:
    """Return names only: a value may be secret."""
    return frozenset(_variables(found)) - known


def _variables(found: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the function's variables.

    Raises:
        AwsUnavailableError: Lambda cannot decrypt them.
    """
    environment = found.get("Environment", {})
    if "Error" in environment:
        raise AwsUnavailableError(
            "Lambda cannot decrypt the function's variables.",
            reason=str(environment["Error"].get("Message")),
            hint="Allow your user to use the function's KMS key, or remove it: no variable is secret.",
        )
    variables: Mapping[str, str] = environment.get("Variables", {})
    return variables


def _probe_log_group(live: LiveStack) -> Probe:
    wanted = live.expected("TriggersApiLogGroup")
    name, days = wanted["LogGroupName"], wanted["RetentionInDays"]

    def ask() -> Any:
        # Names are sorted: the one that equals the prefix is the first.
        return live.clients["logs"].describe_log_groups(logGroupNamePrefix=name)["logGroups"]

    def read(groups: Any) -> str:
        kept = [one.get("retentionInDays") for one in groups if one["logGroupName"] == name]
        if not kept:
            return f"there is no log group {name}"
        return f"{name}, {f'{kept[0]} days' if kept[0] else 'never expires'}"

    words = ("put-retention-policy", "--log-group-name", name, "--retention-in-days", str(days))
    fix = aws_command("logs", *words)
    return Probe(ask, (Expectation("log group: retention", f"{name}, {days} days", read, fix),))
