"""What MiniStack's CloudFormation leaves out of this stack, put back through the services' own calls.

It drops the `x-amazon-apigateway-any-method` methods, the responses of the CORS mock and the gateway
responses of an API's OpenAPI body, and the tables' TTL, encryption and point-in-time recovery. It takes no
notice of a stage's limits of one method, because it keeps the path as the template escapes it. It keeps the
tables' deletion protection as the text that the parameter is, so "false" protects too. An update that changes
the body makes a new API, with a new id, which lacks all of it again; any other leaves what was put back.

The template is written for AWS and stays so: what is missing is read from the stack's processed template.
"""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from tests.support.ministack import Emulator

_ANY = "x-amazon-apigateway-any-method"
_INTEGRATION = "x-amazon-apigateway-integration"
_GATEWAY_RESPONSES = "x-amazon-apigateway-gateway-responses"
_REFERENCE = re.compile(r"\$\{([A-Za-z0-9:.]+)\}")
_RESTORED = {"AWS::ApiGateway::RestApi", "AWS::DynamoDB::Table"}
_DEPLOYED = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"}


@contextmanager
def restoring(emulator: Emulator) -> Iterator[None]:
    """Restore a stack each time it is deployed in this block; for a command that then asks the API itself.

    Between the end of a deployment and the end of this the API answers 403, for about a second.
    """
    done = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        watcher = pool.submit(_watch, emulator, done)
        try:
            yield
        finally:
            done.set()
    watcher.result()


def restore(emulator: Emulator, stack_name: str) -> None:
    """Bring a deployed stack to the state of its template. Call it as root, after every deployment."""
    stack = _Stack(emulator, stack_name)
    for name, resource in stack.resources.items():
        properties = stack.resolve(resource["Properties"])
        if resource["Type"] == "AWS::ApiGateway::RestApi":
            _restore_api(emulator.client("apigateway"), stack.physical_ids[name], properties["Body"])
        else:
            _restore_table(emulator.client("dynamodb"), stack.physical_ids[name], properties)


def _watch(emulator: Emulator, done: threading.Event) -> None:
    cloudformation = emulator.client("cloudformation")
    restored: dict[str, object] = {}
    last = False
    while not last:
        last = done.wait(0.1)
        for stack in cloudformation.describe_stacks()["Stacks"]:
            name, status = stack["StackName"], stack["StackStatus"]
            deployed = stack["StackId"], status, stack.get("LastUpdatedTime")
            ours = name.startswith("triggers-api-") and status in _DEPLOYED
            if ours and restored.get(name) != deployed:
                restore(emulator, name)
                restored[name] = deployed


class _Stack:
    """The APIs and tables of the stack's processed template, with their references resolved."""

    def __init__(self, emulator: Emulator, name: str) -> None:
        cloudformation = emulator.client("cloudformation")
        template = cloudformation.get_template(StackName=name, TemplateStage="Processed")["TemplateBody"]
        described = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        made = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        self.resources = {
            key: item for key, item in template["Resources"].items() if item["Type"] in _RESTORED
        }
        self.physical_ids = {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in made}
        account = described["StackId"].split(":")[4]
        function = f"arn:aws:lambda:{emulator.region}:{account}:function:"
        self._values = {
            "AWS::Region": emulator.region,
            "AWS::AccountId": account,
            "AWS::Partition": "aws",
            "AWS::StackName": name,
        }
        self._values |= {item["ParameterKey"]: item["ParameterValue"] for item in described["Parameters"]}
        self._values |= self.physical_ids
        for item in made:
            if item["ResourceType"] == "AWS::Lambda::Function":
                self._values[f"{item['LogicalResourceId']}.Arn"] = function + item["PhysicalResourceId"]

    def resolve(self, value: Any) -> Any:
        """Put in values for `Ref`, `Fn::GetAtt` and `Fn::Sub`; an unknown reference is an error."""
        match value:
            case {"Ref": name}:
                return self._values[name]
            case {"Fn::GetAtt": [name, attribute]}:
                return self._values[f"{name}.{attribute}"]
            case {"Fn::Sub": str(text)}:
                return _REFERENCE.sub(lambda match: self._values[match[1]], text)
            case dict():
                return {key: self.resolve(item) for key, item in value.items()}
            case list():
                return [self.resolve(item) for item in value]
        return value


def _restore_api(gateway: Any, api_id: str, body: dict[str, Any]) -> None:
    for stage in gateway.get_stages(restApiId=api_id)["item"]:
        if changes := list(_unescape(stage["methodSettings"])):
            gateway.update_stage(restApiId=api_id, stageName=stage["stageName"], patchOperations=changes)
    present = gateway.get_gateway_responses(restApiId=api_id, limit=500)["items"]
    if not all(item["defaultResponse"] for item in present):
        return  # they are the last that is put back
    for resource in gateway.get_resources(restApiId=api_id, limit=500, embed=["methods"])["items"]:
        where = {"restApiId": api_id, "resourceId": resource["id"]}
        for key, operation in body["paths"].get(resource["path"], {}).items():
            method = {**where, "httpMethod": "ANY" if key == _ANY else key.upper()}
            if method["httpMethod"] not in resource.get("resourceMethods", {}):
                gateway.put_method(**method, authorizationType="NONE")
            _restore_integration(gateway, method, operation)
    for name, response in body[_GATEWAY_RESPONSES].items():
        gateway.put_gateway_response(restApiId=api_id, responseType=name, **response)
    # Gateway responses are live with the next deployment only.
    for stage in gateway.get_stages(restApiId=api_id)["item"]:
        gateway.create_deployment(restApiId=api_id, stageName=stage["stageName"])


def _unescape(settings: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Yield what replaces the limits of `/~1v1~1events/POST` by the same of `~1v1~1events/POST`."""
    for key, limits in settings.items():
        path, _, method = key.rpartition("/")
        if path.startswith("/~1"):
            escaped = path.replace("~", "~0").replace("/", "~1")
            yield {"op": "remove", "path": f"/{escaped}/{method}"}
            for name in ("rateLimit", "burstLimit"):
                value = str(limits[f"throttling{name[0].upper()}{name[1:]}"])
                yield {"op": "replace", "path": f"{key}/throttling/{name}", "value": value}


def _restore_integration(gateway: Any, method: dict[str, str], operation: dict[str, Any]) -> None:
    integration = operation[_INTEGRATION]
    optional = {key: integration[key] for key in ("uri", "requestTemplates") if key in integration}
    if "httpMethod" in integration:
        optional["integrationHttpMethod"] = integration["httpMethod"]
    gateway.put_integration(**method, type=integration["type"].upper(), **optional)
    for code, response in operation["responses"].items():
        headers = {f"method.response.header.{name}": False for name in response.get("headers", {})}
        gateway.put_method_response(**method, statusCode=code, responseParameters=headers)
    for pattern, response in integration.get("responses", {}).items():
        selection = {} if pattern == "default" else {"selectionPattern": pattern}
        gateway.put_integration_response(**method, **selection, **response)


def _restore_table(dynamodb: Any, name: str, properties: dict[str, Any]) -> None:
    table = dynamodb.describe_table(TableName=name)["Table"]
    if _is_on(properties, "SSESpecification", "SSEEnabled") and "SSEDescription" not in table:
        dynamodb.update_table(TableName=name, SSESpecification={"Enabled": True})
    if (protected := _is_on(properties, "DeletionProtectionEnabled")) is not table[
        "DeletionProtectionEnabled"
    ]:
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=protected)

    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = _is_on(properties, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled")
    if recovery != (backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"):
        wanted = {"PointInTimeRecoveryEnabled": recovery}
        dynamodb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=wanted)

    ttl = properties.get("TimeToLiveSpecification")
    present = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if ttl and present["TimeToLiveStatus"] != "ENABLED":
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)


def _is_on(properties: dict[str, Any], *path: str) -> bool:
    """Return a boolean, which is a text if a parameter sets it."""
    value: Any = properties
    for key in path:
        value = value.get(key, {})
    return str(value).lower() == "true"
