"""Why a check of the smoke test failed, and how to fix it."""

import socket
import ssl
from http import HTTPStatus

import httpx

from triggers_api.ops.http_client import causes
from triggers_api.ops.shell_commands import triggers_command

BOUND_KEY = "The key is bound to another source; use a key that is not bound, or leave --key out."
MISSING_SCOPE = "Use a key with the scopes ingest and consume, or leave --key out."
_REFUSED_BEFORE_API = (
    "A component in front of the API refuses the request: check that the URL ends with the stage (.../prod), "
    "and the gateway's firewall and resource policy."
)


def refused_key() -> str:
    """Return the fix for a key that the API refuses."""
    return (
        "The key is unknown to the API, revoked, expired, or belongs to another stage; "
        f"`{triggers_command('keys show', '-')}` reads the key and prints its state. "
        f"With --stage local, --data-dir must be that of the running `{triggers_command('dev')}`."
    )


class CheckError(Exception):
    """A check saw something other than it expected. No text of it holds a key or a payload.

    Attributes:
        unreachable: Nothing answers, or what answers is not the API, so no other check can run.
    """

    def __init__(
        self, expected: str, saw: str, fix: str = "", request_id: str = "", *, unreachable: bool = False
    ) -> None:
        super().__init__(f"expected {expected}, saw {saw}")
        self.expected, self.saw, self.fix, self.request_id = expected, saw, fix, request_id
        self.unreachable = unreachable


def explain_no_response(error: Exception, request: str, request_id: str) -> CheckError:
    """Return an error that says why a request got no response."""
    found = list(causes(error))
    if any(isinstance(cause, socket.gaierror | UnicodeError) for cause in found):
        saw, fix = "the host is unknown", "Check the host in the URL, and this machine's name resolution."
    elif tls := next((cause for cause in found if isinstance(cause, ssl.SSLError)), None):
        reason = getattr(tls, "verify_message", "") or tls.reason or "no reason"
        saw = f"TLS failed: {reason}"
        fix = (
            "Check the certificate, its host and this machine's clock; set AWS_CA_BUNDLE or SSL_CERT_FILE to "
            "use a private certificate authority. A server without TLS needs http://."
        )
    elif isinstance(error, httpx.ProxyError):
        saw = "the proxy refused the connection"
        fix = "Check the variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY."
    elif isinstance(error, httpx.ConnectError):
        refused = any(isinstance(cause, ConnectionRefusedError) for cause in found)
        saw = "the connection is refused" if refused else "no connection can be made"
        fix = (
            f"Check host and port, and that the API runs: `{triggers_command('dev')}` here, "
            f"`{triggers_command('status')}` on AWS. "
            "Check the variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY if they are set."
        )
    elif isinstance(error, httpx.DecodingError):
        saw, fix = "a response that cannot be read", "Check that the URL is the API's."
    else:
        saw = f"the connection broke ({type(error).__name__})"
        fix = "Check http:// and https:// in the URL; if the URL is right, see the log of the service."
    return CheckError(f"a response to {request}", saw, fix, request_id)


def fix_for_status(status: int, code: str) -> str:
    """Return the fix for an error response that has little to do with the check; empty for other errors."""
    if status == HTTPStatus.FORBIDDEN:
        return BOUND_KEY if code == "FORBIDDEN" else _REFUSED_BEFORE_API
    if status == HTTPStatus.UNAUTHORIZED:
        return refused_key()
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "Other requests use up the stage's throttle: try again, or raise ThrottlingRateLimit."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "The service failed: see its log by the request id."
    return ""


def describe_wrong_service(status: int, content_type: str) -> tuple[str, str]:
    """Return what answers the health check in place of the API, and the fix."""
    media_type = content_type.partition(";")[0].strip().lower()
    kind = (
        "HTML" if media_type == "text/html" else "JSON of another kind" if "json" in media_type else "no JSON"
    )
    saw = f"{status} with {kind}"
    if status == HTTPStatus.FORBIDDEN:
        return f"{saw}: refused before the API", _REFUSED_BEFORE_API
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return f"{status}, a redirect", "Give the URL that it leads to: a key is not sent after a redirect."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        status_command = triggers_command("status")
        fix = f"The service does not start, or does not exist: see its log, and `{status_command}`."
        return f"{saw}: a failure of the server", fix
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return f"{saw}: throttled", fix_for_status(status, "")
    url = triggers_command("outputs", "--name", "ApiUrl")
    fix = f"Give the URL of a Triggers API, with its stage and without /v1. `{url}` prints it."
    return f"{saw}: not a Triggers API", fix
