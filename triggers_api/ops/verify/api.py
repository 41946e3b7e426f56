"""The REST API as API Gateway has it: its stages, its limits, where its requests go, and CORS.

Routes and preflight are read from the export of the stage, which is what was deployed last; the resources of
the API are what would be deployed next.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from triggers_api.ops.verify.live import Live
from triggers_api.ops.verify.look import Check, Look, Value

_ANY = "x-amazon-apigateway-any-method"
_INTEGRATION = "x-amazon-apigateway-integration"
_CORS = {
    "AllowOrigin": "Access-Control-Allow-Origin",
    "AllowMethods": "Access-Control-Allow-Methods",
    "AllowHeaders": "Access-Control-Allow-Headers",
    "MaxAge": "Access-Control-Max-Age",
}
_PATHS = ("/", "/{proxy+}")
_PREFLIGHT = "the gateway itself"
_RECORDING = {"dataTraceEnabled", "loggingLevel", "cachingEnabled"}
_OWN_STATUS = {"THROTTLED": 429, "REQUEST_TOO_LARGE": 413}
"""API Gateway's status for a kind of response that has no other; the two DEFAULT have none of their own."""


def looks(live: Live) -> list[Look]:
    """Return what to look at."""
    gateway, wanted = live.clients["apigateway"], live.expected("TriggersApi")
    api = live.outputs.get("ApiId", "API_ID")

    def stages() -> Any:
        return gateway.get_stages(restApiId=live.output("ApiId")).get("item", [])

    def exported() -> Any:
        answer = gateway.get_export(
            restApiId=live.output("ApiId"),
            stageName=live.stage,
            exportType="oas30",
            parameters={"extensions": "apigateway"},
            accepts="application/json",
        )
        return json.loads(answer["body"].read()).get("paths", {})

    def responses() -> Any:
        pages = gateway.get_paginator("get_gateway_responses").paginate(restApiId=live.output("ApiId"))
        return {one["responseType"]: one for page in pages for one in page.get("items", [])}

    deployment = live.command(
        "apigateway", "create-deployment", "--rest-api-id", api, "--stage-name", live.stage
    )
    deploy_again = f"{deployment}, where it is an earlier state; else undo what was changed by hand."
    return [
        Look(stages, _checks_of_the_stages(live, wanted, api)),
        Look(
            exported,
            (
                Check(
                    "api: routes", _wanted_routes(live), lambda paths: frozenset(_routes(paths)), deploy_again
                ),
                Check("api: preflight", _wanted_preflight(wanted), _preflight, deploy_again),
            ),
        ),
        Look(
            responses,
            (
                Check(
                    "api: gateway responses",
                    frozenset(_wanted_responses(wanted["GatewayResponses"])),
                    lambda found: frozenset(_responses(found, wanted["GatewayResponses"])),
                    f"Undo what was changed by hand, in API Gateway: gateway responses of the API {api}. "
                    f"Then {deployment}",
                ),
            ),
        ),
    ]


def _checks_of_the_stages(live: Live, wanted: Mapping[str, Any], api: str) -> tuple[Check, ...]:
    (limits,) = wanted["MethodSettings"]

    def command(operation: str, stage: str, *words: str) -> str:
        where = ("--rest-api-id", api, "--stage-name", stage)
        return live.command("apigateway", operation, *where, *words)

    rate, burst = float(limits["ThrottlingRateLimit"]), int(limits["ThrottlingBurstLimit"])

    def throttling(stages: Any) -> Value:
        """Return every limit of the stage: one for a single method comes before the one for all."""
        (stage, *_) = [one for one in stages if one["stageName"] == live.stage] or [{}]
        return frozenset(
            _limit(method, one.get("throttlingRateLimit"), one.get("throttlingBurstLimit"))
            for method, one in stage.get("methodSettings", {}).items()
        )

    def recorded(stages: Any) -> Value:
        """Return what the gateway itself writes down of requests, or keeps of answers."""
        found = [one for one in stages if one["stageName"] == live.stage]
        return frozenset(
            f"{method}: {name} {value}"
            for stage in found
            for method, one in stage.get("methodSettings", {}).items()
            for name, value in one.items()
            if name in _RECORDING and value not in {False, "OFF"}
        )

    return (
        Check(
            "api: stages",
            frozenset({live.stage}),
            lambda stages: frozenset(one["stageName"] for one in stages),
            f"{command('delete-stage', 'NAME')} takes one away.",
        ),
        Check(
            "api: no requests logged, no answers cached",
            frozenset(),
            recorded,
            "Undo what was changed by hand, in API Gateway: the stage's logs (a data trace holds keys and "
            f"payloads) and its cache. {command('get-stage', live.stage)} shows them.",
        ),
        Check(
            "api: throttling",
            frozenset({_limit("*/*", rate, burst)}),  # as API Gateway writes all methods of all paths
            throttling,
            command(
                "update-stage",
                live.stage,
                "--patch-operations",
                f"op=replace,path=/*/*/throttling/rateLimit,value={rate:g}",
                f"op=replace,path=/*/*/throttling/burstLimit,value={burst}",
            ),
        ),
    )


def _limit(method: str, rate: float | None, burst: int | None) -> str:
    how_many = "none" if rate is None or burst is None else f"{rate:g} a second and {burst} at once"
    return f"{method}: {how_many}"


def _wanted_routes(live: Live) -> frozenset[str]:
    function = live.arn("lambda", f"function:{live.outputs.get('FunctionName', '')}")
    return frozenset(
        f"{method} {path} to {where}"
        for path in _PATHS
        for method, where in (("ANY", function), ("OPTIONS", _PREFLIGHT))
    )


def _routes(paths: Mapping[str, Any]) -> Iterator[str]:
    """Yield every method of the stage and where it leads."""
    for path, methods in paths.items():
        for method, operation in methods.items():
            if not isinstance(operation, Mapping):
                continue  # `parameters`, which belong to no method
            integration = operation.get(_INTEGRATION, {})
            kind = str(integration.get("type", "nothing")).lower()
            # .../2015-03-31/functions/ARN/invocations
            uri = str(integration.get("uri", "")).partition("/functions/")[2].rpartition("/")[0]
            where = {"aws_proxy": uri, "mock": _PREFLIGHT}.get(kind, kind)
            yield f"{'ANY' if method == _ANY else method.upper()} {path} to {where}"


def _wanted_preflight(wanted: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(
        f"{path} {header}: {wanted['Cors'][key]}" for path in _PATHS for key, header in _CORS.items()
    )


def _preflight(paths: Mapping[str, Any]) -> Value:
    return frozenset(
        f"{path} {name.removeprefix('method.response.header.')}: {value}"
        for path, methods in paths.items()
        for answer in methods.get("options", {}).get(_INTEGRATION, {}).get("responses", {}).values()
        for name, value in answer.get("responseParameters", {}).items()
    )


def _wanted_responses(wanted: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the template says of each gateway response: its status, its headers, its bodies."""
    for kind, response in wanted.items():
        yield _status(kind, response.get("StatusCode"))
        for name, value in response["ResponseParameters"]["Headers"].items():
            yield f"{kind} {name}: {value}"
        for media_type, body in response["ResponseTemplates"].items():
            yield f"{kind} {media_type}: {body}"


def _responses(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    for kind in wanted:
        response = found.get(kind, {})
        yield _status(kind, response.get("statusCode"))
        for name, value in response.get("responseParameters", {}).items():
            yield f"{kind} {name.removeprefix('gatewayresponse.header.')}: {value}"
        for media_type, body in response.get("responseTemplates", {}).items():
            yield f"{kind} {media_type}: {body}"


def _status(kind: str, given: object) -> str:
    """Return the status of a kind of response; where none is given, the gateway's own."""
    return f"{kind} status: {given or _OWN_STATUS.get(kind, 'that of the error')}"
