"""How a smoke test, or a look at the live stack, is told: a table, then what was found; or JSON."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

from triggers_api.cli.exit_codes import EXIT_CODE
from triggers_api.cli.flags import complete_commands
from triggers_api.cli.output import console
from triggers_api.errors import ChecksFailedError
from triggers_api.ops.results import Result


def counted(results: Iterable[Result], total: int, what: str) -> list[Result]:
    """Collect results as they come, and tell of a failure at once; a terminal shows how many there are."""
    found: list[Result] = []
    with _status(what) as show:
        for result in results:
            one = replace(result, fix=complete_commands(result.fix))
            found.append(one)
            if one.ran and not one.passed:
                console.say(f"{one.check} failed: {console.printable(one.saw)}")
            show(f"{what}: {len(found)} of {total}, last {one.check}")
    return found


def notice(text: str) -> None:
    """Tell what is not a result: what is waited for, or what could not be removed and how to do it."""
    console.say(complete_commands(text))


@contextmanager
def _status(what: str) -> Iterator[Callable[[str], None]]:
    """Give what shows a line that changes, on a terminal; what is said meanwhile stands above it."""
    if not console.terminal_width(sys.stderr):
        yield lambda _: None
        return
    from rich.console import Console  # a pipe does without
    from rich.text import Text

    with Console(stderr=True).status(Text(what)) as status:
        yield lambda text: status.update(Text(text))


def answer_results(
    about: Mapping[str, str], results: Sequence[Result], *, as_json: bool, flags: str | None
) -> None:
    """Write the results; end the process with 6 where one has not passed.

    `about` says what was looked at; with `as_json` it leads the document. `flags` lead `logs tail`
    to its log; None where that is not known, or not on AWS.
    """
    if as_json:
        console.answer_json({**about, **document_of(results)})
        if not all(one.passed for one in results):
            sys.exit(EXIT_CODE[ChecksFailedError.kind])
        return
    made = [one for one in results if one.ran]
    rows = [(one.check, "ok" if one.passed else "FAILED", str(one.milliseconds)) for one in made]
    console.answer_table(("CHECK", "RESULT", "MS"), rows)
    conclude(results, flags=flags, write=console.answer)


def document_of(results: Sequence[Result]) -> dict[str, Any]:
    """Return the results for a program: what does not apply is null."""
    checks = [
        {name: None if value == "" else value for name, value in asdict(one).items()} for one in results
    ]
    return {"passed": all(one.passed for one in results), "checks": checks}


def conclude(results: Sequence[Result], *, flags: str | None, write: Callable[[str], None]) -> None:
    """Say that all is well; else explain each failure, and raise `ChecksFailedError`."""
    failed = [one for one in results if one.ran and not one.passed]
    not_run = [one for one in results if not one.ran]
    for one in failed:
        _explain(one, flags, write)
    if not_run:  # all for one cause, which is told with the first
        write(f"not run: {', '.join(one.check for one in not_run)}")
        _tell_parts(("why", not_run[0].saw.removeprefix("not run: ")), ("fix", not_run[0].fix), write=write)
    if failed or not_run:
        first = (failed or not_run)[0]
        raise ChecksFailedError(
            _summary(len(failed), len(not_run), len(results)),
            reason=f"{first.check}: {console.printable(first.saw)}",
            hint=first.fix or "See above what was expected, and what came.",
        )
    console.say(f"All {len(results)} checks passed.")


def _summary(failed: int, not_run: int, total: int) -> str:
    if not not_run:
        return f"{failed} of {total} checks failed."
    if not failed:
        return f"{not_run} of {total} checks were not run."
    return f"Of {total} checks {failed} failed, and {not_run} were not run."


def _explain(result: Result, flags: str | None, write: Callable[[str], None]) -> None:
    write(f"{result.check}")
    parts = (("expected", result.expected), ("saw", result.saw), ("fix", result.fix))
    _tell_parts(*parts, write=write)
    if result.request_id:
        name = console.printable(result.request_id)
        where = f"logs: triggers logs tail {flags} --no-follow --request-id {name}"
        write(f"  request id: {name}" if flags is None else f"  {where}")


def _tell_parts(*parts: tuple[str, str], write: Callable[[str], None]) -> None:
    for name, text in parts:
        if text:
            write(f"  {name}: {console.printable(text)}")
