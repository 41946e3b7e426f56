"""The URL of a hook."""

import re

from triggers_api.errors import ConfigurationError
from triggers_api.ops.hooks.references import PATH
from triggers_api.ops.smoke.urls import LOCAL_URL, find_url
from triggers_api.ops.target import Target
from triggers_api.ops.urls import base_url

OPTION = "--public-url"
_WITH_PATH = re.compile(r".*/v1(/hooks(/.*)?)?", re.DOTALL)


def find_base(target: Target, public_url: str | None, in_url: str | None = None) -> str:
    """Return the URL of the API that hooks of a stage are below.

    The service of the local stage, and that of a DynamoDB elsewhere, is `triggers dev`.

    Args:
        target: The stage.
        public_url: The value of --public-url. It comes first.
        in_url: The start of the URL of a hook, if that is given. It comes before the stage's.

    Raises:
        ConfigurationError: The value of --public-url, or the start, is no such URL. It is not repeated: it
            may be that of a hook.
        OperatorError: The stack, or its output, cannot be read.
    """
    if public_url is not None:
        base = base_url(public_url, OPTION)
        if _WITH_PATH.fullmatch(base):
            raise ConfigurationError(
                f"{OPTION} has the path of hooks at its end.",
                reason=f"{PATH} is added to it",
                hint="Give the URL up to /v1, such as https://api.example.com.",
            )
        return base
    if in_url is not None:
        return base_url(in_url, "The start of the hook's URL")
    return LOCAL_URL if target.dynamodb_endpoint_url else find_url(target, instead=OPTION)


def hook_url(base: str, hook_id: str) -> str:
    """Return the URL of a hook, which is a secret. `base`: the URL of the API."""
    return f"{base}{PATH}{hook_id}"
