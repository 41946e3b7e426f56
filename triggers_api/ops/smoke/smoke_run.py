"""A smoke test: check every call of a live API, and remove the events that the checks created.

    findings: list[Finding] = []
    SmokeRun(SmokeOptions(url="https://api.example/prod", key=key), report=findings.append).execute()

A run stops early on Ctrl-C or if `report` raises. It then still removes its events and revokes its hook and
its key, each within a bound, before the exception reaches the caller. `SystemExit`, the second Ctrl-C of the
CLI, skips the removal.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx

from triggers_api.core.keys import generate
from triggers_api.errors import (
    ConfigurationError,
    CredentialsError,
    PermissionDeniedError,
    TableMissingError,
)
from triggers_api.ops.findings import Finding
from triggers_api.ops.http_client import make_client
from triggers_api.ops.smoke.check_runner import CHECKS, CheckRunner
from triggers_api.ops.smoke.smoke_hook import SmokeHook, new_hook
from triggers_api.ops.smoke.throwaway_hook import revoke_hook, store_hook
from triggers_api.ops.smoke.throwaway_key import revoke_key, store_key
from triggers_api.ops.target import Target

TIMEOUT_SECONDS = 30.0
"""The bound of one check: API Gateway gives up on a function after 29 seconds, and says so."""
MAX_TIMEOUT_SECONDS = 55.0
"""A check that hangs reports nothing until its bound; a silence of a minute is too long."""

_NOT_STORED = (CredentialsError, PermissionDeniedError, TableMissingError)
_HEALTH_AND_CLEAN_UP = 2
_REVOCATIONS = 2


@dataclass(frozen=True, slots=True)
class SmokeOptions:
    """What to check.

    Raises:
        ConfigurationError: The time-out is out of range, or there is neither a key nor a target.
    """

    url: str
    """The base URL, as `urls.base_url` returns it."""
    key: str | None = field(default=None, repr=False)
    """If None, the run creates a key and a hook in the target's stage, and revokes them at the end."""
    target: Target | None = None
    timeout: float = TIMEOUT_SECONDS
    """The bound of one check, in seconds."""
    ca_bundles: tuple[str, ...] = ()
    """Files or folders of certificate authorities to trust besides the usual ones."""
    settling: float = 0.0
    """How long, in seconds, an API that was just deployed may need until it works."""
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    """The name of the run: its request ids and sources begin with `smoke-` and this."""

    def __post_init__(self) -> None:
        """Refuse what cannot be checked, before anything is sent."""
        check_timeout(self.timeout)
        if self.key is None and self.target is None:
            raise ConfigurationError(
                "There is no key to check with.", hint="Give --key, TRIGGERS_API_KEY or --stage."
            )

    @property
    def total(self) -> int:
        """How many findings a whole run reports."""
        return len(CHECKS) + _HEALTH_AND_CLEAN_UP + (_REVOCATIONS if self.key is None else 0)


def check_timeout(seconds: float) -> None:
    """Refuse a time-out that is out of range.

    Raises:
        ConfigurationError: It is not more than 0, or more than `MAX_TIMEOUT_SECONDS`.
    """
    if not 0 < seconds <= MAX_TIMEOUT_SECONDS:
        raise ConfigurationError(
            f"--timeout must be more than 0 and at most {MAX_TIMEOUT_SECONDS:g} seconds.",
            hint="Give another value, or leave --timeout out.",
        )


class SmokeRun:
    """One smoke test."""

    def __init__(
        self,
        options: SmokeOptions,
        *,
        report: Callable[[Finding], None],
        notify: Callable[[str], None] = lambda _: None,
        transport: httpx.AsyncBaseTransport | None = None,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            options: What to check.
            report: Called with each finding when its check ends; the clean-up, hook and key come last.
            notify: Called with what the run waits for if no check ends for a while, and with what an
                interrupted run could not remove.
            transport: Sends the requests in place of the network.
            loop_factory: Creates the event loop, which is also the run's clock.
        """
        self._options, self._report, self._notify = options, report, notify
        self._transport, self._loop_factory = transport, loop_factory
        self._checks: asyncio.Task[None] | None = None
        self._is_stopping = False
        self._is_interrupted = False
        self._is_exiting = False

    def execute(self) -> None:
        """Run the checks, remove their events, and revoke the key and the hook that the run created.

        Raises:
            ConfigurationError: The proxy or certificate settings in the environment cannot be used.
            KeyboardInterrupt: `stop` was called.
            OperatorError: No key could be created.
        """
        options = self._options
        client = make_client(options.url, options.ca_bundles, self._transport, program="triggers-smoke")
        if options.key is not None:
            self._check(client, options.key, None)
        else:
            assert options.target is not None  # noqa: S101 - SmokeOptions refuses it
            self._check_with_new_key(client, options.target)
        if self._is_stopping:
            raise KeyboardInterrupt

    def stop(self) -> None:
        """Stop the checks, and let `execute` clean up and raise `KeyboardInterrupt`.

        A signal handler should call this instead of raising `KeyboardInterrupt`, which in the midst of the
        event loop could lose a callback, and with it the clean-up.
        """
        self._is_stopping = self._is_interrupted = True
        if self._checks is not None and not self._checks.done():
            self._checks.get_loop().call_soon_threadsafe(self._checks.cancel)

    def _check_with_new_key(self, client: httpx.AsyncClient, target: Target) -> None:
        # Known before they are stored, so that they can always be revoked.
        key, hook = generate(target.stage.value), new_hook(self._options.run)
        with (
            self._stored(
                lambda: store_key(key, target, self._options.run), revoke=lambda: revoke_key(key, target)
            ),
            self._stored(lambda: store_hook(hook, target), revoke=lambda: revoke_hook(hook, target)),
        ):
            self._check(client, key, hook)

    @contextmanager
    def _stored(self, store: Callable[[], None], *, revoke: Callable[[], Finding]) -> Iterator[None]:
        """Store something, and revoke it at the end unless it certainly was not stored."""
        has_stored = False
        try:
            store()
            has_stored = True
            yield
        except BaseException as error:
            if has_stored or not isinstance(error, _NOT_STORED):
                self._is_stopping = True
                self._report_end(revoke())
            self._prefer_interrupt(error)
            raise
        self._report_end(revoke())

    def _prefer_interrupt(self, error: BaseException) -> None:
        """Raise `KeyboardInterrupt` for an error of an interrupted run: the operator asked it to stop."""
        if self._is_interrupted and isinstance(error, Exception):
            raise KeyboardInterrupt from error

    def _check(self, client: httpx.AsyncClient, key: str, hook: SmokeHook | None) -> None:
        with asyncio.Runner(loop_factory=self._loop_factory) as runner:
            try:
                runner.run(self._check_and_clean_up(client, key, hook))
            except asyncio.CancelledError:
                raise KeyboardInterrupt from None
            except SystemExit:  # the runner now cancels what is under way
                self._is_exiting = True
                raise

    async def _check_and_clean_up(self, client: httpx.AsyncClient, key: str, hook: SmokeHook | None) -> None:
        options = self._options
        async with client:
            runner = CheckRunner(
                client,
                key=key,
                hook=hook,
                run=options.run,
                timeout=options.timeout,
                settling=options.settling,
                report=self._report,
            )
            notifications = asyncio.create_task(runner.notify_while_waiting(self._notify))
            self._checks = asyncio.create_task(runner.run_checks())
            try:
                if self._is_stopping:  # since before there was a task to cancel
                    self._checks.cancel()
                await self._checks
            except BaseException:
                self._is_stopping = True
                raise
            finally:
                if not self._is_exiting:
                    self._report_end(await runner.clean_up())
                notifications.cancel()
                with suppress(asyncio.CancelledError):
                    await notifications  # else an error of `notify` would be lost

    def _report_end(self, finding: Finding) -> None:
        """Report the clean-up or the revocation. Of a run that stops early, only a failure is of interest."""
        if not self._is_stopping:
            self._report(finding)
        elif not finding.passed:
            self._notify(f"{finding.check} failed: {finding.message} {finding.fix}".rstrip())
