"""What goes wrong between a smoke test and an API, told apart, each with what to do."""

import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus

import httpx

BOUND_KEY = "The key is bound to another source; use one that is not, or leave --key out."
REFUSED_KEY = (
    "The API does not know the key, or it is revoked or expired, or was made for another stage; "
    "`triggers keys show` tells. With --stage local, --data-dir must be that of the running `triggers dev`."
)


class UnexpectedError(Exception):
    """A check found something else than it expected. None of its texts holds a key or a payload.

    With `unreachable`, what answers is not the API, or nothing does: no other check can be made.
    """

    def __init__(
        self, expected: str, saw: str, fix: str = "", request_id: str = "", *, unreachable: bool = False
    ) -> None:
        super().__init__(f"expected {expected}, saw {saw}")
        self.expected, self.saw, self.fix, self.request_id = expected, saw, fix, request_id
        self.unreachable = unreachable


def broken(error: Exception, request: str, request_id: str) -> UnexpectedError:
    """Say why a request has no answer."""
    causes = list(_causes(error))
    if any(isinstance(one, socket.gaierror | UnicodeError) for one in causes):
        saw, fix = "the host is unknown", "Check the host in the URL, and this machine's name resolution."
    elif tls := next((one for one in causes if isinstance(one, ssl.SSLError)), None):
        reason = getattr(tls, "verify_message", "") or tls.reason or "no reason"
        saw = f"TLS failed: {reason}"
        fix = (
            "Check the certificate, its host and this machine's clock; an authority of your own goes into "
            "SSL_CERT_FILE. A server without TLS needs http://."
        )
    elif isinstance(error, httpx.ProxyError):
        saw = "the proxy does not let it through"
        fix = "Check the variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY."
    elif isinstance(error, httpx.ConnectError):
        refused = any(isinstance(one, ConnectionRefusedError) for one in causes)
        saw = "the connection is refused" if refused else "no connection can be made"
        fix = (
            "Check host and port, and that the API runs: `triggers dev` here, `triggers status` on AWS; "
            "and the variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY, where they are set."
        )
    elif isinstance(error, httpx.DecodingError):
        saw, fix = "an answer that cannot be read", "Check that the URL is the API's."
    else:
        saw = f"the connection broke ({type(error).__name__})"
        fix = "Check http:// and https:// in the URL; if it is right, see the log of the service."
    return UnexpectedError(f"an answer to {request}", saw, fix, request_id)


def remedy(status: int, code: str) -> str:
    """Return what to do about an error that says little of the check that met it; empty for others."""
    if status == HTTPStatus.FORBIDDEN:
        return BOUND_KEY if code == "FORBIDDEN" else _GATEWAY
    if status == HTTPStatus.UNAUTHORIZED:
        return REFUSED_KEY
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "Other requests use up the stage's throttle: try again, or raise ThrottlingRateLimit."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "The service failed: see its log by the request id."
    return ""


def not_our_health(status: int, content_type: str) -> tuple[str, str]:
    """Say what answers where the health check should, and what to do."""
    media_type = content_type.partition(";")[0].strip().lower()
    kind = (
        "HTML" if media_type == "text/html" else "JSON of another kind" if "json" in media_type else "no JSON"
    )
    saw = f"{status} with {kind}"
    if status == HTTPStatus.FORBIDDEN:
        return f"{saw}: refused before the API", _GATEWAY
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return f"{status}, a redirect", "Give the URL that it leads to: a key is not sent after a redirect."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        fix = "The service does not start, or is not there: see its log, and `triggers status`."
        return f"{saw}: a failure of the server", fix
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return f"{saw}: throttled", remedy(status, "")
    fix = "Give the URL of a Triggers API: `triggers outputs --name ApiUrl`, with its stage and without /v1."
    return f"{saw}: not a Triggers API", fix


_GATEWAY = (
    "Something before the API refuses: check that the URL ends with the stage (.../prod), "
    "and the gateway's firewall and resource policy."
)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error and all that led to it."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                yield from _causes(one)
        error = error.__cause__ or error.__context__
