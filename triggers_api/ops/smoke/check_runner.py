"""Run the checks against one API: health first and alone, then the others a few at a time, then clean up."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import TypeVar

import httpx

from triggers_api.ops.findings import Finding, State
from triggers_api.ops.smoke import changes, headers, hooks, listing, queue, refusals
from triggers_api.ops.smoke.check_context import Check, CheckContext, CreatedEvents
from triggers_api.ops.smoke.check_errors import CheckError
from triggers_api.ops.smoke.cleanup import (
    CLEAN_UP,
    HOW_TO_DELETE,
    LATEST_SECONDS,
    describe_remaining,
    remove_events,
)
from triggers_api.ops.smoke.health_check import HEALTH, find_key_problem, find_missing_scope
from triggers_api.ops.smoke.smoke_hook import SmokeHook

T = TypeVar("T")

_GROUPS = {
    "ingest and inbox": listing.CHECKS,
    "ack, delete, idempotency": changes.CHECKS,
    "batches and leases": queue.CHECKS,
    "webhooks": hooks.CHECKS,
    "rejected requests": refusals.CHECKS,
    "headers": headers.CHECKS,
}

CHECKS = tuple(replace(check, group=group) for group, checks in _GROUPS.items() for check in checks)
"""Every check but health, in the order in which they start."""

_CONCURRENCY = 4  # far below a stage's throttle, and each request may be a cold start
_PROBE_SECONDS = 10.0
_CLEAN_UP_SECONDS = LATEST_SECONDS + 15.0  # the clean-up sends many requests, a check a few
_PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 1.0
_SILENCE_SECONDS = 20.0


class CheckRunner:
    """Runs the checks of one smoke test, and removes the events that they created."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        key: str,
        hook: SmokeHook | None,
        run: str,
        timeout: float,
        settling: float,
        report: Callable[[Finding], None],
    ) -> None:
        """Create a runner, inside the event loop. See `SmokeOptions` and `SmokeRun` for the arguments."""
        self._http, self._key, self._hook = http, key, hook
        self._run, self._timeout = run, timeout
        self._on_finding = report
        self._now = asyncio.get_running_loop().time
        self._settled_at = self._now() + settling
        self._silent_since = self._now()
        self._created = CreatedEvents()
        self._running: dict[str, CheckContext] = {}

    async def run_checks(self) -> None:
        """Run every check and report each finding. A cancellation ends the checks that are under way."""
        finding, error = await self._run_health_check()
        self._report(finding)
        if error is not None and error.unreachable:
            self._report_not_run(CHECKS, error.saw)
            return
        checks: Iterable[Check] = CHECKS
        if problem := await self._find_key_problem():
            self._report_not_run((one for one in CHECKS if one.needs_key), problem.saw, fix=problem.fix)
            checks = (one for one in CHECKS if not one.needs_key)
        elif scope := await self._result_or_none(find_missing_scope(self._make_context("scopes"))):
            self._report_not_run(
                (one for one in CHECKS if one.scope == scope),
                f"the key does not have the scope {scope}",
                state=State.SKIPPED,
            )
            checks = (one for one in CHECKS if one.scope != scope)
        if self._hook is None and problem is None:
            checks = tuple(checks)
            self._report_not_run(
                (one for one in checks if one.needs_hook),
                "only a run that creates its key also creates a hook",
                state=State.SKIPPED,
            )
            checks = (one for one in checks if not one.needs_hook)
        slots = asyncio.Semaphore(_CONCURRENCY)
        tasks = [asyncio.create_task(self._run_until_settled(check, slots)) for check in checks]
        try:
            for next_finding in asyncio.as_completed(tasks):
                self._report(await next_finding)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def clean_up(self) -> Finding:
        """Remove the events that the checks created."""
        check = Check(
            CLEAN_UP,
            "every created event removed",
            lambda context: remove_events(context, self._created),
            group=CLEAN_UP,
        )
        finding, _ = await self._run_check(check, timeout=max(self._timeout, _CLEAN_UP_SECONDS))
        if not finding.passed and (remaining := describe_remaining(self._created)):
            message = f"{remaining} ({finding.message})"
            return replace(finding, expected=check.expected, message=message, fix=HOW_TO_DELETE)
        return finding

    async def notify_while_waiting(self, notify: Callable[[str], None]) -> None:
        """Report what the run waits for whenever no check has ended for a while. Runs until cancelled."""
        while True:
            await asyncio.sleep(self._silent_since + _SILENCE_SECONDS - self._now())
            if self._now() >= self._silent_since + _SILENCE_SECONDS:
                self._silent_since = self._now()
                running = (f"{name} ({one.waiting_for or 'a pause'})" for name, one in self._running.items())
                notify(f"Still waiting: {', '.join(running) or 'the API does not answer yet'}.")

    async def _run_health_check(self) -> tuple[Finding, CheckError | None]:
        """Check health; until the API has settled, repeat the check unless the store works too."""
        while True:
            finding, error = await self._run_check(HEALTH)
            if self._now() > self._settled_at:
                return finding, error
            if error is None and await self._is_store_reachable():
                return finding, None
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _is_store_reachable(self) -> bool:
        """Return whether the function can read its tables: IAM needs some seconds to apply a new role."""
        call = self._make_context("settling").call("GET", "/v1/inbox", params={"limit": 1})
        response = await self._result_or_none(call)
        return response is not None and response.status < httpx.codes.INTERNAL_SERVER_ERROR

    async def _find_key_problem(self) -> CheckError | None:
        """Return why no check can use the key. If in doubt return None: then the checks show it."""
        return await self._result_or_none(find_key_problem(self._make_context("key")))

    async def _result_or_none(self, call: Awaitable[T]) -> T | None:
        """Return the result of a call, or None if it fails or takes too long."""
        try:
            async with asyncio.timeout(min(self._timeout, _PROBE_SECONDS)):
                return await call
        except (TimeoutError, CheckError):
            return None

    async def _run_until_settled(self, check: Check, slots: asyncio.Semaphore) -> Finding:
        """Run a check; until the API has settled, repeat it if it fails."""
        async with slots:
            finding, _ = await self._run_check(check)
            while not finding.passed and self._now() < self._settled_at:
                await asyncio.sleep(_PAUSE_SECONDS)
                finding, _ = await self._run_check(check)
            return finding

    async def _run_check(
        self,
        check: Check,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - named in the finding
    ) -> tuple[Finding, CheckError | None]:
        """Run a check within its bound; return the finding, and the error if it failed."""
        seconds = timeout or self._timeout
        context = self._running[check.name] = self._make_context(check.name)
        started = self._now()
        error: CheckError | None = None
        try:
            async with asyncio.timeout(seconds):
                await check.run(context)
        except TimeoutError:
            error = _explain_timeout(check, context, seconds)
        except CheckError as failure:
            error = failure
        except Exception as bug:  # noqa: BLE001 - a bug in one check must not stop the others
            saw = f"an unexpected {type(bug).__name__}"
            error = CheckError(check.expected, saw, "Report this bug, with the response of the API.")
        finally:
            del self._running[check.name]
        finding = Finding(
            check.name,
            State.OK,
            expected=check.expected,
            milliseconds=round((self._now() - started) * 1000),
            request_id=context.request_id,
            group=check.group,
        )
        if error is None:
            return finding, None
        # A request that never reached the API is in no log.
        request_id = "" if error.unreachable else error.request_id or context.request_id
        failed = replace(finding, state=State.FAILED, message=error.saw, fix=error.fix)
        return replace(failed, expected=error.expected, request_id=request_id), error

    def _make_context(self, name: str) -> CheckContext:
        return CheckContext(
            self._http,
            key=self._key,
            hook=self._hook,
            created=self._created,
            source=f"smoke-{self._run}-{name.lower().replace(' ', '-')}",
            patience=min(_PATIENCE_SECONDS, self._timeout / 2),
        )

    def _report(self, finding: Finding) -> None:
        self._silent_since = self._now()
        self._on_finding(finding)

    def _report_not_run(
        self, checks: Iterable[Check], reason: str, *, fix: str = "", state: State = State.UNKNOWN
    ) -> None:
        """Report checks that were not run. Only the first has the fix: all have one cause."""
        for check in checks:
            finding = Finding(check.name, state, f"not run: {reason}", fix, expected=check.expected)
            self._report(replace(finding, group=check.group))
            fix = ""


def _explain_timeout(check: Check, context: CheckContext, seconds: float) -> CheckError:
    if not context.waiting_for:
        saw = f"not finished within {seconds:g} s"
        return CheckError(check.expected, saw, "Try again with a longer --timeout.")
    is_health = check is HEALTH
    fix = (
        "Check host and port, and that no firewall drops the packets; or give a longer --timeout."
        if is_health
        else "See the log of the service by the request id; or give a longer --timeout."
    )
    saw = f"no response to {context.waiting_for} within {seconds:g} s"
    return CheckError(check.expected, saw, fix, unreachable=is_health)
