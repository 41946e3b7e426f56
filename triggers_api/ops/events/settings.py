"""The settings that a stage's service works with, for commands that change events as the service would."""

from collections.abc import Mapping

from triggers_api.ops.target import Target
from triggers_api.settings import Settings

_PARAMETERS = {
    "EVENT_TTL_DAYS": "EventTtlDays",
    "MAX_DELIVERIES": "MaxDeliveries",
    "INBOX_SHARDS": "InboxShards",
}
"""The variables of the service, and the stack parameters that set them."""


def read_settings(target: Target, environment: Mapping[str, str]) -> Settings:
    """Return the retention, the maximum of deliveries and the number of shards of a stage.

    A stack has them as parameters. The service of the local stage, and that of a DynamoDB elsewhere, reads
    them from the environment, and so does this.

    Raises:
        ConfigurationError: A variable of the environment is wrong.
        OperatorError: The stack is missing, or AWS refuses the call.
    """
    if target.is_local or target.dynamodb_endpoint_url:
        return Settings.from_environment({name: environment.get(name, "") for name in _PARAMETERS})
    from triggers_api.ops.aws import Aws, region_of
    from triggers_api.ops.aws_errors import explain_aws_errors
    from triggers_api.ops.cloudformation.stage import find_stack

    region = region_of(target)
    with explain_aws_errors(target, region):
        parameters = find_stack(Aws(target, region)).parameters
    return Settings.from_environment({name: parameters.get(key, "") for name, key in _PARAMETERS.items()})
