"""The one DynamoDB client of the process: its time-outs, retries, log lines and errors.

Each attempt of a call may take 1 s to connect. Its `Patience` bounds the attempts and the reads of a reply.
`transport` ends all of them at the request's deadline.
"""

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from triggers_api.core import deadline
from triggers_api.errors import ConfigurationError, StoreUnavailableError
from triggers_api.store.calls import logged, logger
from triggers_api.store.dynamodb.transport import CONNECT_SECONDS, READ_SECONDS, Transport
from triggers_api.version import VERSION

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Patience(NamedTuple):
    """How many attempts a call has, and how many seconds each read of a reply may take."""

    attempts: int
    read_seconds: float


OF_A_REQUEST = Patience(3, READ_SECONDS)
"""For a client that waits for the service."""

OF_A_CHANGE = Patience(6, 10)
"""For a command that changes many events: with botocore's pauses it survives a throttled or slow table."""

SESSION_VARIABLES = {"ca_bundle": ("ca_bundle", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"], None, None)}
"""botocore's clients read both variables, but its sessions report the first only."""


class ConditionFailedError(Exception):
    """A write was refused by its condition. `item` is the existing item, empty if there is none."""

    def __init__(self, item: dict[str, Any]) -> None:
        super().__init__("condition failed")
        self.item = item


class TransactionCanceledError(Exception):
    """A transaction was refused. `reasons` has one entry for each of its actions, in order."""

    def __init__(self, reasons: list[dict[str, Any]]) -> None:
        super().__init__("transaction cancelled")
        self.reasons = reasons


class DynamoDB:
    """DynamoDB's low-level client with this product's time-outs, log lines and errors.

    Raises:
        ConfigurationError: The AWS or network settings of the environment cannot be used.
    """

    def __init__(
        self,
        *,
        region: str,
        endpoint_url: str | None = None,
        session: botocore.session.Session | None = None,
        patience: Patience = OF_A_REQUEST,
    ) -> None:
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=patience.read_seconds,
            retries={"total_max_attempts": patience.attempts, "mode": "standard"},
            # Our own code builds the requests, and DynamoDB checks them too. Saves 4 % of a call's CPU.
            parameter_validation=False,
            # Use the region's endpoint for every account: the template, proxies and firewalls know that one.
            account_id_endpoint_mode="disabled",
            # botocore sends this text unchanged. It rebuilds its own twice a call: 12 % of a call's CPU.
            user_agent=f"triggers-api/{VERSION} Botocore/{botocore.__version__}",
        )
        self._client, ca_bundle = make_client(
            region=region, endpoint_url=endpoint_url, config=config, session=session
        )
        try:
            transport: Any = Transport(self._client.meta.endpoint_url, ca_bundle, patience.read_seconds)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                "The network settings of this environment cannot be used.",
                reason=str(error),
                hint="Correct AWS_CA_BUNDLE and HTTPS_PROXY, or unset them.",
            ) from error
        self._client.meta.events.register("before-send.dynamodb", transport.send)

    def call(self, method: str, *, expects: str | None = None, **arguments: Any) -> dict[str, Any]:
        """Call a method of the client.

        Args:
            method: The name of the method.
            expects: A member that every answer of the method has.
            arguments: The arguments of the method.

        Raises:
            ConditionFailedError: The condition of a write does not hold.
            TransactionCanceledError: DynamoDB refused a transaction.
            StoreUnavailableError: DynamoDB cannot be reached, throttles, denies access, or answers without
                the expected member; or the request's time is up.
            ClientError: DynamoDB calls the request malformed, which is a bug of ours.
        """
        with logged(method) as fields:
            if logger.isEnabledFor(logging.DEBUG):
                arguments["ReturnConsumedCapacity"] = "TOTAL"
            deadline.check()
            try:
                answer: dict[str, Any] = getattr(self._client, method)(**arguments)
            except ClientError as error:
                response: dict[str, Any] = dict(error.response)
                code = response["Error"]["Code"]
                if code == "ValidationException":
                    raise
                raise _translate_error(method, code, response) from error
            except BotoCoreError as error:
                # Types only: the messages may quote what the peer sent, or what we did.
                reason = " from ".join(type(one).__name__ for one in (error, error.__cause__) if one)
                _log_failure(method, reason)
                raise StoreUnavailableError("The store cannot be reached right now.") from error
            if expects is not None and expects not in answer:
                _log_failure(method, f"an answer without {expects}")
                raise StoreUnavailableError("The store cannot be used right now.")
            fields["capacity_units"] = _sum_capacity(answer.get("ConsumedCapacity"))
            return answer


def make_client(
    *, region: str, endpoint_url: str | None, config: Config, session: botocore.session.Session | None = None
) -> tuple["DynamoDBClient", str | bool]:
    """Return a client, and the CA bundle of its session; True if there is none.

    The credentials are those of the session, or of the environment if no session is given. If there are none,
    an endpoint URL gets some that satisfy an emulator.

    Raises:
        ConfigurationError: The profile does not exist, or a part of the credentials is missing.
    """
    if session is None:
        session = botocore.session.Session(session_vars=SESSION_VARIABLES)
    try:
        if endpoint_url and session.get_credentials() is None:
            # DynamoDB Local requires a signature, and accepts any.
            session.set_credentials("local", "local")
        client: Any = session.create_client("dynamodb", region, endpoint_url=endpoint_url, config=config)
        return client, session.get_config_variable("ca_bundle") or True
    except (BotoCoreError, OSError, ValueError) as error:
        raise ConfigurationError(
            "The AWS settings of this environment cannot be used.",
            reason=str(error),
            hint="Correct AWS_PROFILE, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or unset them.",
        ) from error


def _translate_error(method: str, code: str, response: dict[str, Any]) -> Exception:
    if code == "ConditionalCheckFailedException":
        return ConditionFailedError(response.get("Item", {}))
    if code == "TransactionCanceledException":
        return TransactionCanceledError(response.get("CancellationReasons", []))
    _log_failure(method, code)
    return StoreUnavailableError("The store cannot be used right now.")


def _log_failure(method: str, reason: str) -> None:
    logger.error("store failed", extra={"fields": {"operation": method, "reason": reason}})


def _sum_capacity(consumed: Any) -> float:
    entries = consumed if isinstance(consumed, list) else [consumed or {}]
    return float(sum(entry.get("CapacityUnits", 0) for entry in entries))
