"""Every call of a live API, checked as the requirements' section 7 asks; what was made is removed.

    options = SmokeOptions(url="https://api.example/prod", key=key)
    failed = [result for result in smoke(options) if not result.passed]

The checks run in a thread with an event loop of its own, so that this works from any program; who stops
reading waits until what was made is removed, which is bounded too.
"""

import asyncio
import secrets
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import ParamSpec, TypeVar

import httpx

from triggers_api.core.keys import generate
from triggers_api.errors import (
    ConfigurationError,
    CredentialsError,
    PermissionDeniedError,
    TableMissingError,
)
from triggers_api.ops.results import Result
from triggers_api.ops.smoke import keys
from triggers_api.ops.smoke.cleaning import CLEAN_UP
from triggers_api.ops.smoke.client import make_client
from triggers_api.ops.smoke.run import CHECKS, Run
from triggers_api.ops.target import Target

TIMEOUT_SECONDS = 30.0
"""The bound of one check: API Gateway gives up on a function after 29 seconds, and says so."""
MAX_TIMEOUT_SECONDS = 55.0
"""Nothing is heard of a check that hangs until its end, and nobody should wait a minute for a word."""

_SILENCE_SECONDS = 20.0
P = ParamSpec("P")
T = TypeVar("T")

_NOT_STORED = (CredentialsError, PermissionDeniedError, TableMissingError)
_BEFORE_AND_AFTER = 2  # health and clean up


@dataclass(frozen=True, slots=True)
class SmokeOptions:
    """What to check: `url` as `urls.base_url` gives it; `timeout` in seconds, for one check.

    Without a key one is made in the target's stage, and revoked at the end.
    """

    url: str
    key: str | None = field(default=None, repr=False)
    target: Target | None = None
    timeout: float = TIMEOUT_SECONDS
    settling: float = 0.0
    """How long, in seconds, an API that was deployed a moment ago may need until it is there."""
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    """All request ids and sources of the run begin with `smoke-` and this."""

    def __post_init__(self) -> None:
        """Refuse what cannot be checked, before anything is sent."""
        check_timeout(self.timeout)
        if self.key is None and self.target is None:
            raise ConfigurationError(
                "There is no key to check with.", hint="Give --key, TRIGGERS_API_KEY or --stage."
            )

    @property
    def total(self) -> int:
        """How many results there will be."""
        return len(CHECKS) + _BEFORE_AND_AFTER + (self.key is None)


def check_timeout(seconds: float) -> None:
    """Return where one check may take so long; else `ConfigurationError`."""
    if not 0 < seconds <= MAX_TIMEOUT_SECONDS:
        raise ConfigurationError(
            f"--timeout must be more than 0 and at most {MAX_TIMEOUT_SECONDS:g} seconds.",
            hint="Give another, or leave it out.",
        )


def smoke(options: SmokeOptions, *, notice: Callable[[str], None] | None = None) -> Generator[Result]:
    """Give the result of each check as it ends, the clean-up last.

    `notice` is told what is waited for where no check has ended for a while; and, where the iterator was
    closed before its end, what could not be removed. `OperatorError` where no key can be made. Close the
    iterator, or let an exception pass through it, and the checks end, what they made is removed, and the key
    is revoked.
    """
    say = notice or _to_nobody
    client = make_client(options.url)
    if options.key is not None:
        yield from _results_of(_run(options, client, options.key), say)
        return
    assert options.target is not None  # noqa: S101 - see SmokeOptions
    # Known before it is stored: whatever happens, it can be revoked.
    key = generate(options.target.stage.value)
    try:
        _to_its_end(keys.make, key, options.target, options.run)
        yield from _results_of(_run(options, client, key), say)
    except _NOT_STORED:
        raise
    except BaseException:
        _tell_failure(_to_its_end(keys.revoke, key, options.target), say)
        raise
    yield _to_its_end(keys.revoke, key, options.target)


def _to_its_end(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Make a call that a Ctrl-C does not end half done: it waits, and is heard after."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call, *args, **kwargs).result()


def _run(options: SmokeOptions, client: httpx.AsyncClient, key: str) -> Run:
    return Run(client, key, options.timeout, options.run, settling=options.settling)


def _results_of(run: Run, say: Callable[[str], None]) -> Generator[Result]:
    results: SimpleQueue[Result | None] = SimpleQueue()
    loop = asyncio.new_event_loop()
    task = loop.create_task(run.results(results.put))

    def work() -> None:
        try:
            loop.run_until_complete(asyncio.wait([task]))  # its error is for whoever reads the results
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
            results.put(None)

    thread = Thread(target=work, name="smoke", daemon=True)  # a second Ctrl-C ends the process at once
    thread.start()
    try:
        while (result := _next(results, run, say)) is not None:
            yield result
    except SystemExit:  # told twice to end: at once
        raise
    except BaseException:
        _stop(loop, task, thread)
        while (result := results.get()) is not None:
            if result.check == CLEAN_UP:
                _tell_failure(result, say)
        raise
    thread.join()
    task.result()


def _next(results: SimpleQueue[Result | None], run: Run, say: Callable[[str], None]) -> Result | None:
    while True:
        try:
            return results.get(timeout=_SILENCE_SECONDS)
        except Empty:
            say(f"Still waiting: {run.waiting_for or 'the API is not there yet'}.")


def _stop(loop: asyncio.AbstractEventLoop, task: "asyncio.Task[None]", thread: Thread) -> None:
    """End the checks, and wait until what they made is removed."""
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(task.cancel)
    thread.join()


def _tell_failure(result: Result, say: Callable[[str], None]) -> None:
    if not result.passed:
        say(f"{result.check} failed: {result.saw} {result.fix}".rstrip())


def _to_nobody(_: str) -> None:
    """Tell nobody: whoever reads the results alone."""
