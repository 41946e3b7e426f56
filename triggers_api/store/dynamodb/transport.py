"""How a signed request reaches DynamoDB, and how its reply is read: within the request's deadline.

botocore's own time-outs are per read: a reply that drips never ends, and botocore knows nothing of the
request that waits for it. So the signed request is sent here, from botocore's public `before-send` event,
through urllib3 (which botocore uses too), and every read of the reply gets at most what is left of the
request's time. Signing, retries and parsing stay botocore's. Unbounded is only the look-up of the endpoint's
name.
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
    """Whoever answers there, it is not DynamoDB; or this is not all that it said."""


class Transport:
    """Sends what botocore has signed, through the proxy that the environment prescribes, if any."""

    def __init__(self, endpoint_url: str, ca_bundle: Any) -> None:
        proxy = get_environ_proxies(endpoint_url).get(urlsplit(endpoint_url).scheme)
        # Without TLS on the way there is nobody to trust: to read the bundle takes 22 ms of CPU.
        secured = any(url.startswith("https:") for url in (endpoint_url, proxy) if url)
        context = ssl.create_default_context(cafile=get_cert_path(ca_bundle)) if secured else None
        self._manager = (
            urllib3.ProxyManager(proxy, maxsize=_CONNECTIONS, ssl_context=context)
            if proxy
            else urllib3.PoolManager(maxsize=_CONNECTIONS, ssl_context=context)
        )
        self._manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        # DynamoDB has one address for all calls: taking it apart for each of them costs 4 % of a call's CPU.
        self._place = cache(self._find_place)

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Send one attempt. The errors come out as botocore's, which decides whether to try again."""
        left = deadline.remaining()
        body: Any = request.body
        headers: Any = request.headers
        try:
            pool, target = self._place(request.url)
            reply = pool.urlopen(
                request.method,
                target,
                body=body,
                headers=headers,
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, left), read=min(READ_SECONDS, left)),
                retries=False,
                redirect=False,
                assert_same_host=False,  # the pool is that host's
                preload_content=False,
                decode_content=False,
            )
            # With it the service may ask botocore to sleep for longer than a request has.
            reply.headers.discard("x-amz-retry-after")
            found: Any = reply.headers
            response = AWSResponse(request.url, reply.status, found, reply)
            _check(response)
        except (urllib3.exceptions.HTTPError, OSError, _NotDynamoDBError) as error:
            raise HTTPClientError(error=error) from error
        return response

    def _find_place(self, url: str) -> tuple[urllib3.HTTPConnectionPool, str]:
        """Return the connections to a URL's host, and how to ask there for the URL (RFC 9112, 3.2)."""
        pool = self._manager.connection_from_url(url)
        parts = urlsplit(url)
        through_proxy = pool.proxy is not None and parts.scheme == "http"
        return pool, url if through_proxy else parts.path or "/"


def _check(response: AWSResponse) -> None:
    """Read the reply whole, where its errors are translated, and see that DynamoDB sent it, and all of it.

    A success that botocore cannot parse (half a reply, the page of a web server on a wrong port), whose
    members it does not know (another program's JSON), or whose checksum is wrong at the last attempt too, it
    takes for an answer, and mostly for an empty one: a false 201, 404 or 401. So the checksum must be the
    body's, which begins an object; where there is none the body must be one, whole. And there is a request id
    of AWS's; not every emulator gives its refusals one, but then the media type is that of the protocol.
    """
    body = response.content
    headers: Any = response.headers
    checksum = headers.get("x-amz-crc32")
    if checksum is None:
        whole = _is_an_object(body)
    else:
        whole = checksum == str(zlib.crc32(body)) and body.startswith(b"{")
    known = "x-amzn-requestid" in headers
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        known = known or headers.get("content-type", "").lower() == _MEDIA_TYPE
    else:
        known = known and response.status_code == HTTPStatus.OK
    if not (whole and known):
        raise _NotDynamoDBError("the reply is not DynamoDB's, or was damaged on its way")


def _is_an_object(body: bytes) -> bool:
    try:
        # Decoded first, as botocore does: json.loads would take UTF-16 and a byte order mark, too.
        return isinstance(json.loads(body.decode()), dict)
    except (ValueError, RecursionError):
        return False


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
