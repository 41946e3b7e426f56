"""The outputs of a stack, as whoever runs the command can use them."""

from collections.abc import Mapping

from triggers_api.ops.target import Target


def resolved(outputs: Mapping[str, str], target: Target) -> dict[str, str]:
    """Return the outputs; behind an emulator `ApiUrl` is where the emulator serves the API.

    `{endpoint}/_aws/execute-api/{api-id}/{stage}` is the convention of LocalStack and of MiniStack.
    """
    result = dict(outputs)
    if target.endpoint_url and "ApiId" in result:
        endpoint = target.endpoint_url.rstrip("/")
        result["ApiUrl"] = f"{endpoint}/_aws/execute-api/{result['ApiId']}/{target.stage.value}"
    return result
