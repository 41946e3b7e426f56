"""Send one request, and check what it leaves in the function's log (requirements, sections 8.3 and 8.4).

The request has an unknown key and a payload, both random. It is refused, nothing is written, and both can be
searched for in every later line of the log group. So the checks show that the key and the payload of a
refused request are not logged. They show nothing about accepted requests, older lines and other log groups.
"""

import re
import secrets
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from triggers_api.errors import AwsUnavailableError
from triggers_api.ops.aws import Aws
from triggers_api.ops.shell_commands import triggers_command
from triggers_api.ops.verify.background import call_in_background
from triggers_api.ops.verify.live_stack import LiveStack
from triggers_api.ops.verify.log_search import LogSearch
from triggers_api.ops.verify.probe import Expectation, Probe

if TYPE_CHECKING:
    import httpx

SEARCH_SECONDS = 60.0
"""CloudWatch shows a line some seconds after it was written."""

RESPONSE_SECONDS = 35.0
"""The gateway gives up on the function after 29 seconds."""

_SEARCH_SECONDS_WITHOUT_RESPONSE = 10.0
_SEARCH_MARGIN_SECONDS = 10.0
_ERROR_CODE = re.compile(r"[A-Z_]{1,40}", re.ASCII)
_REFUSED = "401 UNAUTHORIZED, with the request's id"


class Canary:
    """The request. Its key and payload are never shown."""

    def __init__(
        self,
        live: LiveStack,
        aws: Aws,
        *,
        sleep: Callable[[float], None],
        monotonic: Callable[[], float],
        transport: "httpx.BaseTransport | None" = None,
    ) -> None:
        self._live, self._aws, self._sleep, self._monotonic = live, aws, sleep, monotonic
        self._transport = transport
        self.request_id = f"verify-{uuid4()}"
        self._secrets = {"the key": secrets.token_hex(24), "the payload": secrets.token_hex(24)}
        self._since: float | None = None
        self._is_answered_by_service = False
        level = live.stack.parameters.get("LogLevel", "INFO")
        if level in {"DEBUG", "INFO"}:
            self._mark, self._presence = self.request_id, "a line with it"
        else:  # the service does not log requests then, but Lambda does
            self._mark, self._presence = "REPORT RequestId: ", f"a line of Lambda's own (LogLevel is {level})"

    def make_probes(self) -> list[Probe]:
        """Return the two probes. The second relies on the first."""
        fix = f"Check that {self._live.outputs.get('ApiUrl')} is this service. {_see_logs()}"
        see = _see_logs()
        sent = Expectation("request: an unknown key is refused", _REFUSED, str, fix)
        found = Expectation("request: its id is in the logs", self._presence, self._read_presence, see)
        hidden = Expectation("request: key and payload are not in the logs", "in no line", _read_absence, see)
        return [
            Probe(self._send, (sent,), self.request_id),
            Probe(self._search, (found, hidden), self.request_id),
        ]

    def _send(self) -> str:
        """Send the request; describe the response, with nothing of its body but an error's code."""
        import httpx  # slow to import

        from triggers_api.ops.smoke.check_errors import explain_no_response

        url = self._live.output("ApiUrl")
        started = time.time()
        call = call_in_background(lambda: self._post(url))
        try:
            response = call.result(RESPONSE_SECONDS)  # httpx bounds each read, this the whole
        except TimeoutError as error:
            raise AwsUnavailableError(
                f"{url} did not answer within {RESPONSE_SECONDS:g} s.",
                reason="it is too slow, or hangs",
                hint=f"Try again. {_see_logs()}",
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:  # UnicodeError: an impossible host
            problem = explain_no_response(error, "POST /v1/events", self.request_id)
            raise AwsUnavailableError(
                f"{url} did not answer.", reason=problem.saw, hint=problem.fix
            ) from error
        self._since = _find_start(response, started) - _SEARCH_MARGIN_SECONDS
        description, self._is_answered_by_service = _describe(response, self.request_id)
        return description

    def _post(self, url: str) -> "httpx.Response":
        import httpx

        event = {"source": "triggers-verify", "event_type": "verify.canary"}
        with httpx.Client(transport=self._transport, timeout=RESPONSE_SECONDS) as http:
            return http.post(
                f"{url}/v1/events",
                headers={"X-API-Key": self._secrets["the key"], "X-Request-ID": self.request_id},
                json={**event, "payload": {"canary": self._secrets["the payload"]}},
                follow_redirects=False,
            )

    def _search(self) -> LogSearch:
        """Search the logs for the request; only briefly if the service did not answer it."""
        if self._since is None:
            raise AwsUnavailableError(
                "There is nothing to search for.",
                reason="the request was not answered",
                hint="See the finding about the request.",
            )
        search = LogSearch(
            self._aws,
            self._live.clients["logs"],
            since=self._since,
            mark=self._mark,
            secrets=self._secrets,
            sleep=self._sleep,
            monotonic=self._monotonic,
        )
        search.run(SEARCH_SECONDS if self._is_answered_by_service else _SEARCH_SECONDS_WITHOUT_RESPONSE)
        return search

    def _read_presence(self, search: LogSearch) -> str:
        return self._presence if search.found else f"in none of {search.lines} lines since the request"


def _read_absence(search: LogSearch) -> str:
    if search.leaked:
        return f"{' and '.join(sorted(search.leaked))} in the log group"
    if not search.found:
        return "could not check: the request was not found in the logs"
    return (
        "in no line"
        if search.is_complete
        else "could not check: the log group was not read to its end in time"
    )


def _find_start(response: "httpx.Response", started: float) -> float:
    """Return when the request started, by AWS's clock if the response has it: ours may be wrong."""
    try:
        answered = parsedate_to_datetime(response.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return started
    return answered - response.elapsed.total_seconds()


def _describe(response: "httpx.Response", request_id: str) -> tuple[str, bool]:
    """Return the status and the code of a response, and whether the service itself sent it."""
    try:
        error = response.json()["error"]
        code, ids = error["code"], {error["request_id"], response.headers.get("X-Request-ID")}
    except (ValueError, KeyError, TypeError, RecursionError):
        code, ids = None, set()
    if not (isinstance(code, str) and _ERROR_CODE.fullmatch(code)):
        kind = response.headers.get("Content-Type", "no type")
        return f"{response.status_code} with {kind}, which is not an error of this service", False
    is_ours = ids == {request_id}
    whose = "the request's id" if is_ours else "another id"
    return f"{response.status_code} {code}, with {whose}", is_ours


def _see_logs() -> str:
    return f"See the function's log: {triggers_command('logs tail')}"
