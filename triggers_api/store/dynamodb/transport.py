"""Sends botocore's signed requests to DynamoDB and reads the replies, within the request's deadline.

botocore's time-outs are per read, so a reply that drips never ends, and botocore does not know the deadline.
So botocore's public `before-send` event hands the signed request to this module, which sends it through
urllib3, as botocore does. Each read of the reply gets at most the time that is left until the deadline.
Signing, retries and parsing remain botocore's. Only the look-up of the endpoint's host name is unbounded.
"""

import io
import json
import ssl
import zlib
from functools import cache
from http import HTTPStatus
from http.client import HTTPResponse
from socket import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import HTTPClientError
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection

from triggers_api.core import deadline

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CONNECT_SECONDS = 1.0
READ_SECONDS = 2.0

_CONNECTIONS = 50
_MEDIA_TYPE = "application/x-amz-json-1.0"


class _NotDynamoDBError(Exception):
    """The response did not come from DynamoDB, or is truncated."""


class Transport:
    """Sends requests that botocore has signed, through the proxy of the environment if there is one.

    Args:
        endpoint_url: The URL of DynamoDB.
        ca_bundle: The file of certificates that botocore is configured with, if any.
        read_seconds: The most that one read of a reply may take.

    Raises:
        OSError: The CA bundle cannot be read.
        ValueError: The URL of the proxy cannot be used.
    """

    def __init__(self, endpoint_url: str, ca_bundle: Any, read_seconds: float) -> None:
        self._read_seconds = read_seconds
        proxy = get_environ_proxies(endpoint_url).get(urlsplit(endpoint_url).scheme)
        # Without TLS there is no certificate to check, and reading the bundle takes 22 ms of CPU.
        secured = any(url.startswith("https:") for url in (endpoint_url, proxy) if url)
        context = ssl.create_default_context(cafile=get_cert_path(ca_bundle)) if secured else None
        self._manager = (
            urllib3.ProxyManager(proxy, maxsize=_CONNECTIONS, ssl_context=context)
            if proxy
            else urllib3.PoolManager(maxsize=_CONNECTIONS, ssl_context=context)
        )
        self._manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        # All calls have the same URL: parsing it for each of them costs 4 % of a call's CPU.
        self._route = cache(self._find_route)

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Send one attempt.

        Raises:
            HTTPClientError: It failed. botocore decides whether to try again.
            DeadlineExceededError: The request's time is up.
        """
        left = deadline.remaining()
        body: Any = request.body
        headers: Any = request.headers
        try:
            pool, target = self._route(request.url)
            reply = pool.urlopen(
                request.method,
                target,
                body=body,
                headers=headers,
                timeout=urllib3.Timeout(
                    connect=min(CONNECT_SECONDS, left), read=min(self._read_seconds, left)
                ),
                retries=False,
                redirect=False,
                assert_same_host=False,  # the pool belongs to the host
                preload_content=False,
                decode_content=False,
            )
            # This header could make botocore sleep beyond the deadline.
            reply.headers.discard("x-amz-retry-after")
            reply_headers: Any = reply.headers  # of urllib3, not of the type that botocore declares
            response = AWSResponse(request.url, reply.status, reply_headers, reply)
            _check_reply(response)
        except (urllib3.exceptions.HTTPError, OSError, _NotDynamoDBError) as error:
            raise HTTPClientError(error=error) from error
        return response

    def _find_route(self, url: str) -> tuple[urllib3.HTTPConnectionPool, str]:
        """Return the connection pool of a URL's host, and the request target (RFC 9112, 3.2)."""
        pool = self._manager.connection_from_url(url)
        parts = urlsplit(url)
        through_proxy = pool.proxy is not None and parts.scheme == "http"
        return pool, url if through_proxy else parts.path or "/"


def _check_reply(response: AWSResponse) -> None:
    """Read the whole reply, and check that it is complete and that DynamoDB sent it.

    botocore accepts some replies that are not DynamoDB's answer, mostly as an empty answer:

    - a success that it cannot parse: half a reply, or the page of a web server on a wrong port;
    - JSON of another program, whose members it does not know;
    - a reply whose checksum is wrong, in the last attempt.

    Each would become a false 201, 404 or 401.

    Raises:
        _NotDynamoDBError: The reply fails a check.
    """
    if not (_is_complete(response) and _is_from_dynamodb(response)):
        raise _NotDynamoDBError("the reply did not come from DynamoDB, or is damaged")


def _is_complete(response: AWSResponse) -> bool:
    """Return whether the body matches its checksum and starts an object, or is a whole object without one."""
    body = response.content
    headers: Any = response.headers
    checksum = headers.get("x-amz-crc32")
    if checksum is None:
        return _is_object(body)
    return bool(checksum == str(zlib.crc32(body)) and body.startswith(b"{"))


def _is_from_dynamodb(response: AWSResponse) -> bool:
    """Return whether the reply has a request id, as those of AWS have.

    Some emulators omit it from error replies, which then have the media type of the protocol.
    """
    headers: Any = response.headers
    has_request_id = "x-amzn-requestid" in headers
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        return has_request_id or headers.get("content-type", "").lower() == _MEDIA_TYPE
    return has_request_id and response.status_code == HTTPStatus.OK


def _is_object(body: bytes) -> bool:
    try:
        # Decode first, as botocore does: json.loads also accepts UTF-16 and a byte order mark.
        return isinstance(json.loads(body.decode()), dict)
    except (ValueError, RecursionError):
        return False


class _BoundedReader(io.RawIOBase):
    """The bytes of a socket. Each read ends with the request's deadline at the latest."""

    def __init__(self, sock: socket, raw: io.RawIOBase) -> None:
        self._socket = sock
        self._seconds = sock.gettimeout() or READ_SECONDS  # as `Transport.send` has set it
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        self._socket.settimeout(min(self._seconds, deadline.remaining()))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    """A reply that is read through a `_BoundedReader`, head and body."""

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
