"""Adjust a stack's outputs to the place that they are used from."""

from collections.abc import Mapping

from triggers_api.ops.target import Target


def resolve_outputs(outputs: Mapping[str, str], target: Target) -> dict[str, str]:
    """Return the outputs; on an emulator, `ApiUrl` points to the emulator.

    LocalStack and MiniStack both serve an API at `{endpoint}/_aws/execute-api/{api-id}/{stage}`.
    """
    result = dict(outputs)
    if target.endpoint_url and "ApiId" in result:
        endpoint = target.endpoint_url.rstrip("/")
        result["ApiUrl"] = f"{endpoint}/_aws/execute-api/{result['ApiId']}/{target.stage.value}"
    return result
