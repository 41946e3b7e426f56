"""Checks of the stage of the REST API: that there is no other, its limits, and that it records nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

from triggers_api.ops.shell_commands import aws_command
from triggers_api.ops.verify.live_stack import LiveStack
from triggers_api.ops.verify.probe import Expectation, Value

_RECORDING = {"dataTraceEnabled", "loggingLevel", "cachingEnabled"}


def expect_stages(live: LiveStack, wanted: Mapping[str, Any], api: str) -> tuple[Expectation, ...]:
    """Return what is expected of the stages of an API.

    Args:
        live: The stack.
        wanted: The properties that the API should have.
        api: The id of the API.
    """

    def command(operation: str, stage: str, *words: str) -> str:
        return aws_command("apigateway", operation, "--rest-api-id", api, "--stage-name", stage, *words)

    def settings(stages: Any) -> Mapping[str, Mapping[str, Any]]:
        """Return the stage's settings by method: those of one method take precedence over those of all."""
        found: list[Mapping[str, Any]] = [one for one in stages if one["stageName"] == live.stage]
        return {_shown(key): one for stage in found for key, one in stage.get("methodSettings", {}).items()}

    def throttling(stages: Any) -> Value:
        return frozenset(
            _limit(method, one.get("throttlingRateLimit"), one.get("throttlingBurstLimit"))
            for method, one in settings(stages).items()
        )

    def recorded(stages: Any) -> Value:
        """Return each setting by which the gateway itself logs requests or caches responses."""
        return frozenset(
            f"{method}: {name} {value}"
            for method, one in settings(stages).items()
            for name, value in one.items()
            if name in _RECORDING and value not in {False, "OFF"}
        )

    limits = {
        _key(one): (float(one["ThrottlingRateLimit"]), int(one["ThrottlingBurstLimit"]))
        for one in wanted["MethodSettings"]
    }
    return (
        Expectation(
            "api: stages",
            frozenset({live.stage}),
            lambda stages: frozenset(one["stageName"] for one in stages),
            f"To delete an extra stage: {command('delete-stage', 'NAME')}",
        ),
        Expectation(
            "api: no requests logged, no answers cached",
            frozenset(),
            recorded,
            "In API Gateway, switch off the stage's logs (data traces hold keys and payloads) and its cache. "
            f"To see them: {command('get-stage', live.stage)}",
        ),
        Expectation(
            "api: throttling",
            frozenset(_limit(_shown(key), rate, burst) for key, (rate, burst) in limits.items()),
            throttling,
            command("update-stage", live.stage, "--patch-operations", *_patches(limits)),
        ),
    )


def _key(setting: Mapping[str, Any]) -> str:
    """Return API Gateway's own name of the methods that a setting of the template is for."""
    return f"{setting['ResourcePath'].removeprefix('/')}/{setting['HttpMethod']}"


def _shown(key: str) -> str:
    """Return the name of methods for a person: `*/*`, or `/v1/events/POST` for `~1v1~1events/POST`."""
    name = key.replace("~1", "/").lstrip("/")
    return name if name.startswith("*") else f"/{name}"


def _limit(method: str, rate: float | None, burst: int | None) -> str:
    limit = "none" if rate is None or burst is None else f"{rate:g} a second and {burst} at once"
    return f"{method}: {limit}"


def _patches(limits: Mapping[str, tuple[float, int]]) -> Iterator[str]:
    for key, (rate, burst) in limits.items():
        yield f"op=replace,path=/{key}/throttling/rateLimit,value={rate:g}"
        yield f"op=replace,path=/{key}/throttling/burstLimit,value={burst}"
