"""One run of the checks against one API: health first, alone; the others side by side; then the clean-up."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import httpx

from triggers_api.ops.results import Result
from triggers_api.ops.smoke import changes, door, headers, inbox
from triggers_api.ops.smoke.cleaning import CLEAN_UP, HOW_TO_DELETE, LATEST_SECONDS, cleaning, left
from triggers_api.ops.smoke.client import Check, Made, Visit
from triggers_api.ops.smoke.failures import UnexpectedError
from triggers_api.ops.smoke.health import HEALTH, flaw_of_key

CHECKS = (*inbox.CHECKS, *changes.CHECKS, *door.CHECKS, *headers.CHECKS)

_AT_A_TIME = 4  # far below what a stage lets through; and each may be a cold start
_KEY_SECONDS = 10.0
_CLEAN_UP_SECONDS = LATEST_SECONDS + 15.0  # many requests, where a check has a few
_PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 1.0

Tell = Callable[[Result], None]


@dataclass
class Run:
    """The checks against one API. `timeout` is for each, in seconds; see `SmokeOptions` for `settling`."""

    client: httpx.AsyncClient
    key: str = field(repr=False)
    timeout: float
    name: str
    settling: float = 0.0
    made: Made = field(default_factory=Made)
    _settled_at: float = 0.0
    at_work: dict[str, Visit] = field(default_factory=dict)
    """The checks that are under way, by their names."""

    @property
    def waiting_for(self) -> str:
        """Say which checks are under way, and for what each waits."""
        return ", ".join(f"{name} ({visit.waiting_for or 'a pause'})" for name, visit in self.at_work.items())

    async def results(self, tell: Tell) -> None:
        """Make all checks and tell each result; when it ends, however it does, what was made is removed."""
        self._settled_at = time.monotonic() + self.settling
        async with self.client as http:
            try:
                await self._all(http, tell)
            finally:
                clean_up = asyncio.ensure_future(self._clean_up(http))
                try:
                    tell(await asyncio.shield(clean_up))
                except asyncio.CancelledError:  # Ctrl-C now: a clean-up that has begun is finished
                    await clean_up
                    raise

    async def _all(self, http: httpx.AsyncClient, tell: Tell) -> None:
        result, failure = await self._health(http)
        tell(result)
        if failure is not None and failure.unreachable:
            _tell_not_run(CHECKS, failure.saw, tell)
            return
        checks: tuple[Check, ...] = CHECKS
        if flaw := await self._flaw_of_key(http):
            _tell_not_run((one for one in CHECKS if one.needs_key), flaw.saw, tell, fix=flaw.fix)
            checks = tuple(one for one in CHECKS if not one.needs_key)
        places = asyncio.Semaphore(_AT_A_TIME)

        async def make(check: Check) -> None:
            async with places:
                result, _ = await self._made(check, http)
                while not result.passed and time.monotonic() < self._settled_at:
                    await asyncio.sleep(_PAUSE_SECONDS)
                    result, _ = await self._made(check, http)
                tell(result)

        async with asyncio.TaskGroup() as group:
            for check in checks:
                group.create_task(make(check))

    async def _health(self, http: httpx.AsyncClient) -> tuple[Result, UnexpectedError | None]:
        """Look whether the API is there, and its store too; while it settles, look again."""
        while True:
            result, failure = await self._made(HEALTH, http)
            if time.monotonic() > self._settled_at:
                return result, failure
            if failure is None and await self._store_answers(http):
                return result, None
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _store_answers(self, http: httpx.AsyncClient) -> bool:
        """Tell whether the function may reach its tables: a new role needs some seconds to be known."""
        try:
            async with asyncio.timeout(min(self.timeout, _KEY_SECONDS)):
                answer = await self._visit("settling", http).call("GET", "/v1/inbox", params={"limit": 1})
        except (TimeoutError, UnexpectedError):
            return False
        return answer.status < httpx.codes.INTERNAL_SERVER_ERROR

    async def _made(
        self, check: Check, http: httpx.AsyncClient, *, at_least: float = 0
    ) -> tuple[Result, UnexpectedError | None]:
        """Make one check within its bound, in seconds; return what went wrong too."""
        bound = max(self.timeout, at_least)
        visit = self.at_work[check.name] = self._visit(check.name, http)
        began = time.monotonic()
        failure: UnexpectedError | None = None
        try:
            async with asyncio.timeout(bound):
                await check.run(visit)
        except TimeoutError:
            failure = _too_late(check, visit, bound)
        except UnexpectedError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - one check must not take the others with it
            saw = f"{type(error).__name__}, which this program does not know"
            failure = UnexpectedError(check.expected, saw, "Report it, with what the API answered.")
        finally:
            del self.at_work[check.name]
        milliseconds = round((time.monotonic() - began) * 1000)
        if failure is None:
            return Result(check.name, True, milliseconds, check.expected, request_id=visit.request_id), None
        # What never reached the API is in no log.
        request_id = "" if failure.unreachable else failure.request_id or visit.request_id
        result = Result(
            check.name, False, milliseconds, failure.expected, failure.saw, failure.fix, request_id
        )
        return result, failure

    async def _flaw_of_key(self, http: httpx.AsyncClient) -> UnexpectedError | None:
        """Look whether the key is good before all checks say that it is not; in doubt they will tell."""
        try:
            async with asyncio.timeout(min(self.timeout, _KEY_SECONDS)):
                return await flaw_of_key(self._visit("key", http))
        except (TimeoutError, UnexpectedError):
            return None

    async def _clean_up(self, http: httpx.AsyncClient) -> Result:
        check = Check(CLEAN_UP, "every event removed that was made", cleaning(self.made))
        result, _ = await self._made(check, http, at_least=_CLEAN_UP_SECONDS)
        if not result.passed and (events := left(self.made)):
            saw = f"{events} ({result.saw})"
            return replace(result, expected=check.expected, saw=saw, fix=HOW_TO_DELETE)
        return result

    def _visit(self, check: str, http: httpx.AsyncClient) -> Visit:
        name = f"smoke-{self.name}-{check.lower().replace(' ', '-')}"
        patience = min(_PATIENCE_SECONDS, self.timeout / 2)
        return Visit(http, key=self.key, made=self.made, name=name, patience=patience)


def _too_late(check: Check, visit: Visit, timeout: float) -> UnexpectedError:
    unreachable = check is HEALTH
    if not visit.waiting_for:
        return UnexpectedError(
            check.expected, f"no end within {timeout:g} s", "Try again with a longer --timeout."
        )
    fix = (
        "Check host and port, and that no firewall drops what is sent; or give a longer --timeout."
        if unreachable
        else "See the log of the service by the request id; or give a longer --timeout."
    )
    saw = f"no answer to {visit.waiting_for} within {timeout:g} s"
    return UnexpectedError(check.expected, saw, fix, unreachable=unreachable)


def _tell_not_run(checks: Iterable[Check], because: str, tell: Tell, *, fix: str = "") -> None:
    """Say that checks could not be made: none of them has passed. What to do is said once, at the first."""
    for check in checks:
        tell(Result(check.name, False, 0, check.expected, f"not run: {because}", fix, ran=False))
        fix = ""
