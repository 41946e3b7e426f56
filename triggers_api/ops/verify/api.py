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

    deploy_again = (
        f"aws apigateway create-deployment --rest-api-id {api} --stage-name {live.stage}, where it is an "
        "earlier state; else undo what was changed by hand."
    )
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
                    frozenset(_wanted_headers(wanted["GatewayResponses"])),
                    lambda found: _headers(found, wanted["GatewayResponses"]),
                    f"aws apigateway put-gateway-response --rest-api-id {api}, then create-deployment.",
                ),
            ),
        ),
    ]


def _checks_of_the_stages(live: Live, wanted: Mapping[str, Any], api: str) -> tuple[Check, ...]:
    (limits,) = wanted["MethodSettings"]
    rate, burst = float(limits["ThrottlingRateLimit"]), int(limits["ThrottlingBurstLimit"])

    def throttling(stages: Any) -> Value:
        """Return every limit of the stage: one for a single method comes before the one for all."""
        (stage, *_) = [one for one in stages if one["stageName"] == live.stage] or [{}]
        return frozenset(
            _limit(method, one.get("throttlingRateLimit"), one.get("throttlingBurstLimit"))
            for method, one in stage.get("methodSettings", {}).items()
        )

    return (
        Check(
            "api: stages",
            frozenset({live.stage}),
            lambda stages: frozenset(one["stageName"] for one in stages),
            f"aws apigateway delete-stage --rest-api-id {api} --stage-name NAME takes one away.",
        ),
        Check(
            "api: throttling",
            frozenset({_limit("*/*", rate, burst)}),  # as API Gateway writes all methods of all paths
            throttling,
            f"aws apigateway update-stage --rest-api-id {api} --stage-name {live.stage} --patch-operations "
            f"'op=replace,path=/*/*/throttling/rateLimit,value={rate:g}' "
            f"'op=replace,path=/*/*/throttling/burstLimit,value={burst}'",
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


def _wanted_headers(wanted: Mapping[str, Any]) -> Iterator[str]:
    for kind, response in wanted.items():
        for name, value in response["ResponseParameters"]["Headers"].items():
            yield f"{kind} {name}: {value}"


def _headers(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Value:
    return frozenset(
        f"{kind} {name.removeprefix('gatewayresponse.header.')}: {value}"
        for kind in wanted
        for name, value in found.get(kind, {}).get("responseParameters", {}).items()
    )
