"""One request of our own, and what it leaves in the function's log (requirements, sections 8.3 and 8.4).

It has a key that no table knows and a payload, both random: it is refused, nothing is written, and either can
be looked for in every line of the log group since. So it shows that the key and the payload of a refused
request are not logged; of accepted ones, of older lines and of other log groups it says nothing.
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
from triggers_api.ops.verify.live import Live
from triggers_api.ops.verify.look import Check, Look, in_background
from triggers_api.ops.verify.traces import Traces

if TYPE_CHECKING:
    import httpx

SEARCH_SECONDS = 60.0
"""CloudWatch shows a line some seconds after it was written."""

ANSWER_SECONDS = 35.0
"""The gateway gives up on the function after 29."""

_SEARCH_SECONDS_WITHOUT_ANSWER = 10.0
_EARLIER = 10.0
_CODE = re.compile(r"[A-Z_]{1,40}", re.ASCII)
_REFUSED = "401 UNAUTHORIZED, with the request's id"
_SEE_LOGS = "The function's log tells more: triggers logs tail."


class Canary:
    """The request. Its key and payload are in none of its texts."""

    def __init__(
        self,
        live: Live,
        aws: Aws,
        *,
        sleep: Callable[[float], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._live, self._aws, self._sleep, self._monotonic = live, aws, sleep, monotonic
        self.request_id = f"verify-{uuid4()}"
        self._secrets = {"the key": secrets.token_hex(24), "the payload": secrets.token_hex(24)}
        self._since: float | None = None
        self._answered = False
        level = live.stack.parameters.get("LogLevel", "INFO")
        if level in {"DEBUG", "INFO"}:
            self._mark, self._presence = self.request_id, "a line with it"
        else:  # the service logs no request then, but Lambda does
            self._mark, self._presence = "REPORT RequestId: ", f"a line of Lambda's own (LogLevel is {level})"

    def looks(self) -> list[Look]:
        """Return the two looks; the second goes after the first."""
        fix = f"Check that {self._live.outputs.get('ApiUrl')} is this service. {_SEE_LOGS}"
        sent = Check("request: an unknown key is refused", _REFUSED, str, fix)
        found = Check("request: its id is in the logs", self._presence, self._told_presence, _SEE_LOGS)
        hidden = Check("request: key and payload are not in the logs", "in no line", _told_absence, _SEE_LOGS)
        return [
            Look(self._send, (sent,), self.request_id),
            Look(self._search, (found, hidden), self.request_id),
        ]

    def _send(self) -> str:
        """Send it, and return what the answer is; nothing of its body but an error's code."""
        import httpx  # heavy, and only this needs it

        from triggers_api.ops.smoke.failures import broken

        url = self._live.output("ApiUrl")
        started = time.time()
        # httpx bounds each read, and this the whole.
        call = in_background(lambda: self._post(url))
        try:
            answer = call.result(ANSWER_SECONDS)
        except TimeoutError as error:
            raise AwsUnavailableError(
                f"{url} did not answer within {ANSWER_SECONDS:g} s.",
                reason="it is too slow, or hangs",
                hint=f"Try again. {_SEE_LOGS}",
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:  # the last: of a host's name
            why = broken(error, "POST /v1/events", self.request_id)
            raise AwsUnavailableError(f"{url} has not answered.", reason=why.saw, hint=why.fix) from error
        self._since = _began(answer, started) - _EARLIER
        told = _told(answer, self.request_id)
        self._answered = told.endswith("with the request's id")
        return told

    def _post(self, url: str) -> "httpx.Response":
        import httpx

        event = {"source": "triggers-verify", "event_type": "verify.canary"}
        return httpx.post(
            f"{url}/v1/events",
            headers={"X-API-Key": self._secrets["the key"], "X-Request-ID": self.request_id},
            json={**event, "payload": {"canary": self._secrets["the payload"]}},
            timeout=ANSWER_SECONDS,
            follow_redirects=False,
        )

    def _search(self) -> Traces:
        """Look for it in the logs; not for long where it was not the service that answered."""
        if self._since is None:
            raise AwsUnavailableError(
                "There is nothing to look for.",
                reason="the request was not answered",
                hint="See what came of the request.",
            )
        traces = Traces(
            self._aws,
            self._live.clients["logs"],
            since=self._since,
            mark=self._mark,
            secrets=self._secrets,
            sleep=self._sleep,
            monotonic=self._monotonic,
        )
        seconds = SEARCH_SECONDS if self._answered else _SEARCH_SECONDS_WITHOUT_ANSWER
        traces.search(seconds)
        return traces

    def _told_presence(self, traces: Traces) -> str:
        return self._presence if traces.found else f"in none of {traces.lines} lines since the request"


def _told_absence(traces: Traces) -> str:
    if traces.leaked:
        return f"{' and '.join(sorted(traces.leaked))} in the log group"
    if not traces.found:
        return "it cannot be told: the request was not found in the logs"
    return (
        "in no line"
        if traces.is_whole
        else "it cannot be told: the log group was not read to its end in time"
    )


def _began(answer: "httpx.Response", started: float) -> float:
    """Return when the request began, by AWS's clock where it says the time: this machine's may be wrong."""
    try:
        answered = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return started
    return answered - answer.elapsed.total_seconds()


def _told(answer: "httpx.Response", request_id: str) -> str:
    """Return what an answer is: status and code where it has our shape, else that it has not."""
    try:
        error = answer.json()["error"]
        code, ids = error["code"], {error["request_id"], answer.headers.get("X-Request-ID")}
    except (ValueError, KeyError, TypeError, RecursionError):
        code, ids = None, set()
    if not (isinstance(code, str) and _CODE.fullmatch(code)):
        kind = answer.headers.get("Content-Type", "no type")
        return f"{answer.status_code} with {kind}, which is no error of this service"
    return f"{answer.status_code} {code}, with {'the request' if ids == {request_id} else 'another'}'s id"
