"""The one DynamoDB client of the process, and its transport, which keeps to the request's deadline.

botocore's own time-outs are per read: a reply that drips never ends, and botocore knows nothing of the
request that waits for it. So the signed request is sent here, from botocore's public `before-send` event,
through urllib3 (which botocore uses too), and every read of the reply gets at most what is left of the
request's time. Signing, retries (three attempts in all) and parsing stay botocore's. Unbounded is only the
look-up of the endpoint's name.
"""

import io
import logging
import ssl
from http import HTTPStatus
from http.client import HTTPResponse
from socket import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore.session
import urllib3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ParamValidationError
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection

from triggers_api.core import deadline
from triggers_api.errors import ConfigurationError, StoreUnavailableError
from triggers_api.store.calls import logged, logger

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from mypy_boto3_dynamodb import DynamoDBClient

CONNECT_SECONDS = 1.0
READ_SECONDS = 2.0
ATTEMPTS = 3

_CONNECTIONS = 50


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


class _NotDynamoDBError(Exception):
    """Whoever answers there, it is not DynamoDB."""


class DynamoDB:
    """DynamoDB's low-level client with this product's time-outs, log lines and errors."""

    def __init__(self, *, region: str, endpoint_url: str | None = None) -> None:
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        )
        self._client, ca_bundle = make_client(region=region, endpoint_url=endpoint_url, config=config)
        transport: Any = _Transport(self._client.meta.endpoint_url, ca_bundle)
        self._client.meta.events.register("before-send.dynamodb", transport.send)

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Call a method of the client.

        Raises `ConditionFailedError` or `TransactionCanceledError` where DynamoDB refuses a write, and
        `StoreUnavailableError` where it cannot be reached, is throttled, or does not let us in. What
        botocore or DynamoDB calls malformed is a bug of ours, and raised as it is.
        """
        with logged(method) as fields:
            if logger.isEnabledFor(logging.DEBUG):
                arguments["ReturnConsumedCapacity"] = "TOTAL"
            deadline.remaining()
            try:
                answer: dict[str, Any] = getattr(self._client, method)(**arguments)
            except ParamValidationError:
                raise
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
            fields["capacity_units"] = _capacity(answer.get("ConsumedCapacity"))
            return answer


def make_client(
    *, region: str, endpoint_url: str | None, config: Config
) -> tuple["DynamoDBClient", str | bool]:
    """Return a client with the environment's credentials, and what it trusts (`AWS_CA_BUNDLE`, or True).

    Without credentials an endpoint of one's own gets some that satisfy an emulator. `ConfigurationError`
    where the environment names a profile that is not there, or half of the credentials.
    """
    core = botocore.session.get_session()
    session = boto3.session.Session(botocore_session=core)
    try:
        if endpoint_url and session.get_credentials() is None:
            # DynamoDB Local asks for a signature, and takes any.
            core.set_credentials("local", "local")
        client = session.client("dynamodb", region_name=region, endpoint_url=endpoint_url, config=config)
        return client, core.get_config_variable("ca_bundle") or True
    except BotoCoreError as error:
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


class _Transport:
    """Sends what botocore has signed, through the proxy that the environment prescribes, if any."""

    def __init__(self, endpoint_url: str, ca_bundle: Any) -> None:
        context = ssl.create_default_context(cafile=get_cert_path(ca_bundle))
        proxy = get_environ_proxies(endpoint_url).get(urlsplit(endpoint_url).scheme)
        self._pool = (
            urllib3.ProxyManager(proxy, maxsize=_CONNECTIONS, ssl_context=context)
            if proxy
            else urllib3.PoolManager(maxsize=_CONNECTIONS, ssl_context=context)
        )
        self._pool.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Send one attempt. The errors come out as botocore's, which decides whether to try again."""
        left = deadline.remaining()
        try:
            reply = self._pool.urlopen(
                request.method,
                request.url,
                body=request.body,
                headers=request.headers,
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, left), read=min(READ_SECONDS, left)),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            # With it the service may ask botocore to sleep for longer than a request has.
            reply.headers.discard("x-amz-retry-after")
            headers: Any = reply.headers
            response = AWSResponse(request.url, reply.status, headers, reply)
            _check(response)
        except (urllib3.exceptions.HTTPError, OSError, _NotDynamoDBError) as error:
            raise HTTPClientError(error=error) from error
        return response


def _check(response: AWSResponse) -> None:
    """Read the reply whole, where its errors are translated, and see that DynamoDB can have sent it.

    botocore takes a 200 that is no JSON, such as the page of a web server on a wrong port, for an empty
    answer: that would be a false 201, or a false 401.
    """
    body = response.content
    if response.status_code == HTTPStatus.OK and not body.lstrip().startswith(b"{"):
        raise _NotDynamoDBError


class _BoundedReader(io.RawIOBase):
    """A socket's bytes, each read of which ends with the request's deadline at the latest."""

    def __init__(self, sock: socket, raw: io.RawIOBase) -> None:
        self._socket = sock
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        self._socket.settimeout(min(READ_SECONDS, deadline.remaining()))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    def __init__(self, sock: socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_BoundedReader(sock, self.fp.detach()))


class _Connection(HTTPConnection):
    response_class = _BoundedResponse


class _TlsConnection(HTTPSConnection):
    response_class = _BoundedResponse


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
