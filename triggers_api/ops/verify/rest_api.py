"""Probes of the REST API: its stages, its routes, CORS, and the compression of answers.

Routes and preflight are read from the export of the stage, which is what was deployed last. The resources of
the API are what would be deployed next.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from triggers_api.ops.cloudformation.template import FUNCTION
from triggers_api.ops.shell_commands import aws_command
from triggers_api.ops.verify.live_stack import LiveStack
from triggers_api.ops.verify.probe import Expectation, Probe, Value
from triggers_api.ops.verify.rest_stage import expect_stages

_ANY = "x-amazon-apigateway-any-method"
_INTEGRATION = "x-amazon-apigateway-integration"
_CORS = {
    "AllowOrigin": "Access-Control-Allow-Origin",
    "AllowMethods": "Access-Control-Allow-Methods",
    "AllowHeaders": "Access-Control-Allow-Headers",
    "MaxAge": "Access-Control-Max-Age",
}
_PREFLIGHT = "the gateway itself"
_OWN_STATUS = {"THROTTLED": 429, "REQUEST_TOO_LARGE": 413}
"""API Gateway's default status for each type of response. The two DEFAULT types have none."""


def make_probes(live: LiveStack) -> list[Probe]:
    """Return the probes."""
    gateway, wanted = live.clients["apigateway"], live.expected("TriggersApi")
    routes = [one["Properties"] for one in live.expected(FUNCTION)["Events"].values()]
    methods = frozenset((one["Method"], one["Path"]) for one in routes)
    # SAM adds a preflight to each path for which the template has no OPTIONS.
    preflights = frozenset(path for _, path in methods if ("OPTIONS", path) not in methods)
    api = live.outputs.get("ApiId", "API_ID")

    def rest_api() -> Any:
        return gateway.get_rest_api(restApiId=live.output("ApiId"))

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

    deployment = aws_command(
        "apigateway", "create-deployment", "--rest-api-id", api, "--stage-name", live.stage
    )
    deploy_again = f"Undo the change made by hand. If an earlier state of the API is deployed: {deployment}"
    return [
        Probe(rest_api, (_expect_compression(wanted, api, deployment),)),
        Probe(stages, expect_stages(live, wanted, api)),
        Probe(
            exported,
            (
                Expectation(
                    "api: routes",
                    _wanted_routes(live, methods, preflights),
                    lambda paths: frozenset(_routes(paths)),
                    deploy_again,
                ),
                Expectation(
                    "api: preflight", _wanted_preflight(wanted, preflights), _read_preflight, deploy_again
                ),
            ),
        ),
        Probe(
            responses,
            (
                Expectation(
                    "api: gateway responses",
                    frozenset(_wanted_responses(wanted["GatewayResponses"])),
                    lambda found: frozenset(_responses(found, wanted["GatewayResponses"])),
                    f"In API Gateway, undo the change to the gateway responses of the API {api}. "
                    f"Then deploy it: {deployment}",
                ),
            ),
        ),
    ]


def _expect_compression(wanted: Mapping[str, Any], api: str, deployment: str) -> Expectation:
    smallest = wanted["MinimumCompressionSize"]
    words = ("update-rest-api", "--rest-api-id", api, "--patch-operations")
    update = aws_command("apigateway", *words, f"op=replace,path=/minimumCompressionSize,value={smallest}")
    return Expectation(
        "api: compression",
        _compression(smallest),
        lambda found: _compression(found.get("minimumCompressionSize")),
        f"{update}. Then deploy it: {deployment}",
    )


def _compression(smallest: object) -> str:
    return "off" if smallest is None else f"of answers of {smallest} bytes or more"


def _wanted_routes(
    live: LiveStack, methods: Iterable[tuple[str, str]], preflights: Iterable[str]
) -> frozenset[str]:
    function = live.arn("lambda", f"function:{live.outputs.get('FunctionName', '')}")
    return frozenset(
        [f"{method} {path} to {function}" for method, path in methods]
        + [f"OPTIONS {path} to {_PREFLIGHT}" for path in preflights]
    )


def _routes(paths: Mapping[str, Any]) -> Iterator[str]:
    """Yield every method of the stage and its destination."""
    for path, methods in paths.items():
        for method, operation in methods.items():
            if not isinstance(operation, Mapping):
                continue  # `parameters`, which is not a method
            integration = operation.get(_INTEGRATION, {})
            kind = str(integration.get("type", "nothing")).lower()
            # .../2015-03-31/functions/ARN/invocations
            uri = str(integration.get("uri", "")).partition("/functions/")[2].rpartition("/")[0]
            destination = {"aws_proxy": uri, "mock": _PREFLIGHT}.get(kind, kind)
            yield f"{'ANY' if method == _ANY else method.upper()} {path} to {destination}"


def _wanted_preflight(wanted: Mapping[str, Any], paths: Iterable[str]) -> frozenset[str]:
    return frozenset(
        f"{path} {header}: {wanted['Cors'][key]}" for path in paths for key, header in _CORS.items()
    )


def _read_preflight(paths: Mapping[str, Any]) -> Value:
    return frozenset(
        f"{path} {name.removeprefix('method.response.header.')}: {value}"
        for path, methods in paths.items()
        for answer in methods.get("options", {}).get(_INTEGRATION, {}).get("responses", {}).values()
        for name, value in answer.get("responseParameters", {}).items()
    )


def _wanted_responses(wanted: Mapping[str, Any]) -> Iterator[str]:
    """Yield the status, headers and bodies of each gateway response of the template."""
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
    """Return the status of a type of response, or the gateway's default if none is given."""
    return f"{kind} status: {given or _OWN_STATUS.get(kind, 'that of the error')}"
