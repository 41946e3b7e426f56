"""The one DynamoDB client of the process: its time-outs, retries, log lines and errors.

Three attempts in all, of about a second to connect and two to read; see `dynamodb_transport` for what keeps
them, and all else, within the request's deadline.
"""

import logging
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, UnknownServiceError
from botocore.loaders import Loader

from triggers_api.core import deadline
from triggers_api.errors import ConfigurationError, StoreUnavailableError
from triggers_api.store.calls import logged, logger
from triggers_api.store.dynamodb.transport import CONNECT_SECONDS, READ_SECONDS, Transport
from triggers_api.version import VERSION

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ATTEMPTS = 3


class ConditionFailedError(Exception):
    """The item was not as the write's condition asks; `item` is what was there, empty for nothing."""

    def __init__(self, item: dict[str, Any]) -> None:
        super().__init__("condition failed")
        self.item = item


class TransactionCanceledError(Exception):
    """A transaction was not made; `reasons` holds one for each of its actions, in order."""

    def __init__(self, reasons: list[dict[str, Any]]) -> None:
        super().__init__("transaction cancelled")
        self.reasons = reasons


class DynamoDB:
    """DynamoDB's low-level client with this product's time-outs, log lines and errors."""

    def __init__(self, *, region: str, endpoint_url: str | None = None, profile: str | None = None) -> None:
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            # What is sent is made by our own code, and DynamoDB checks it too: 4 % of a call's CPU.
            parameter_validation=False,
            # One's own text is sent as it is; botocore's is put together anew, twice a call: 12 %.
            user_agent=f"triggers-api/{VERSION} Botocore/{botocore.__version__}",
        )
        self._client, ca_bundle = make_client(
            region=region, endpoint_url=endpoint_url, config=config, profile=profile
        )
        try:
            transport: Any = Transport(self._client.meta.endpoint_url, ca_bundle)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                "The network settings of this environment cannot be used.",
                reason=str(error),
                hint="Correct AWS_CA_BUNDLE and HTTPS_PROXY, or unset them.",
            ) from error
        self._client.meta.events.register("before-send.dynamodb", transport.send)

    def call(self, method: str, *, expects: str | None = None, **arguments: Any) -> dict[str, Any]:
        """Call a method of the client. `expects`: a member that its answer always has.

        Raises `ConditionFailedError` or `TransactionCanceledError` where DynamoDB refuses a write, and
        `StoreUnavailableError` where it cannot be reached, is throttled, does not let us in, or answers
        without what is expected. What DynamoDB calls malformed is a bug of ours, and raised as it is.
        """
        with logged(method) as fields:
            if logger.isEnabledFor(logging.DEBUG):
                arguments["ReturnConsumedCapacity"] = "TOTAL"
            deadline.remaining()
            try:
                answer: dict[str, Any] = getattr(self._client, method)(**arguments)
            except ClientError as error:
                response: dict[str, Any] = dict(error.response)
                code = response["Error"]["Code"]
                if code == "ValidationException":
                    raise
                raise _translated(method, code, response) from error
            except BotoCoreError as error:
                # Types only: the texts may quote what the peer sent, or what we did.
                reason = " from ".join(type(one).__name__ for one in (error, error.__cause__) if one)
                logger.error("store failed", extra={"fields": {"operation": method, "reason": reason}})
                raise StoreUnavailableError("The store cannot be reached right now.") from error
            if expects is not None and expects not in answer:
                reason = f"an answer without {expects}"
                logger.error("store failed", extra={"fields": {"operation": method, "reason": reason}})
                raise StoreUnavailableError("The store cannot be used right now.")
            fields["capacity_units"] = _capacity(answer.get("ConsumedCapacity"))
            return answer


class _OneEndpoint(Loader):
    """botocore's data, without the rules by which it derives a call's endpoint from its parameters.

    Where a service has no such rules, botocore takes the endpoint of the region, once. It serves all that we
    call, whatever account's it is, and the rules cost 8 to 12 % of a call's CPU. Other services, which a
    profile's credentials may come from, keep theirs.
    """

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """Load a file, or say that there is none, as botocore's own does."""
        if (service_name, type_name) == ("dynamodb", "endpoint-rule-set-1"):
            raise UnknownServiceError(service_name=service_name, known_service_names="")
        return super().load_service_model(service_name, type_name, api_version)


def make_client(
    *, region: str, endpoint_url: str | None, config: Config, profile: str | None = None
) -> tuple["DynamoDBClient", str | bool]:
    """Return a client with the environment's credentials, and what it trusts (`AWS_CA_BUNDLE`, or True).

    Without credentials an endpoint of one's own gets some that satisfy an emulator. `ConfigurationError`
    where the environment names a profile that is not there, or half of the credentials.
    """
    session = botocore.session.Session(profile=profile)
    try:
        # Of these two kinds of endpoint only the rules know all names.
        special = ("use_fips_endpoint", "use_dualstack_endpoint")
        if not any(session.get_config_variable(name) for name in special):
            session.register_component("data_loader", _OneEndpoint())
        if endpoint_url and session.get_credentials() is None:
            # DynamoDB Local asks for a signature, and takes any.
            session.set_credentials("local", "local")
        client: Any = session.create_client("dynamodb", region, endpoint_url=endpoint_url, config=config)
        return client, session.get_config_variable("ca_bundle") or True
    except (BotoCoreError, OSError, ValueError) as error:
        raise ConfigurationError(
            "The AWS settings of this environment cannot be used.",
            reason=str(error),
            hint="Correct AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or unset them.",
        ) from error


def _translated(method: str, code: str, response: dict[str, Any]) -> Exception:
    if code == "ConditionalCheckFailedException":
        return ConditionFailedError(response.get("Item", {}))
    if code == "TransactionCanceledException":
        return TransactionCanceledError(response.get("CancellationReasons", []))
    logger.error("store failed", extra={"fields": {"operation": method, "reason": code}})
    return StoreUnavailableError("The store cannot be used right now.")


def _capacity(consumed: Any) -> float:
    entries = consumed if isinstance(consumed, list) else [consumed or {}]
    return float(sum(entry.get("CapacityUnits", 0) for entry in entries))
