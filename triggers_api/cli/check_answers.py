"""How a smoke test, or a look at the live stack, is told: a table, then what was found; or JSON."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from triggers_api.cli import console
from triggers_api.cli.exit_codes import EXIT_CODE
from triggers_api.errors import ChecksFailedError
from triggers_api.ops.results import Result


def counted(results: Iterable[Result], total: int, what: str) -> list[Result]:
    """Collect results as they come; on a terminal stderr shows how many there are, and the latest."""
    if not console.terminal_width(sys.stderr):
        return list(results)
    from rich.console import Console  # a pipe does without
    from rich.text import Text

    found: list[Result] = []
    with Console(stderr=True).status(Text(what)) as status:
        for one in results:
            found.append(one)
            status.update(Text(f"{what}: {len(found)} of {total}, last {one.check}"))
    return found


def answer_results(
    about: Mapping[str, str], results: Sequence[Result], *, as_json: bool, flags: str = ""
) -> None:
    """Write the results; end the process with 6 where one has not passed.

    `about` says what was looked at; with `as_json` it leads the document. `flags` lead other commands there.
    """
    if as_json:
        console.answer_json({**about, **document_of(results)})
        if not all(one.passed for one in results):
            sys.exit(EXIT_CODE[ChecksFailedError.kind])
        return
    rows = [(one.check, "ok" if one.passed else "FAILED", str(one.milliseconds)) for one in results]
    console.answer_table(("CHECK", "RESULT", "MS"), rows)
    conclude(results, flags=flags, write=console.answer)


def document_of(results: Sequence[Result]) -> dict[str, Any]:
    """Return the results for a program: what does not apply is null."""
    checks = [
        {name: None if value == "" else value for name, value in asdict(one).items()} for one in results
    ]
    return {"passed": all(one.passed for one in results), "checks": checks}


def conclude(results: Sequence[Result], *, flags: str, write: Callable[[str], None]) -> None:
    """Say that all is well; else explain each failure, and raise `ChecksFailedError`."""
    failed = [one for one in results if not one.passed]
    for one in failed:
        _explain(one, flags, write)
    if failed:
        first = failed[0]
        raise ChecksFailedError(
            f"{len(failed)} of {len(results)} checks failed.",
            reason=f"{first.check}: {console.printable(first.saw)}",
            hint=first.fix or "See above what was expected, and what came.",
        )
    console.say(f"All {len(results)} checks passed.")


def _explain(result: Result, flags: str, write: Callable[[str], None]) -> None:
    write(f"{result.check}")
    lines = (("expected", result.expected), ("saw", result.saw), ("fix", result.fix))
    for name, text in lines:
        if text:
            write(f"  {name}: {console.printable(text)}")
    if result.request_id:
        words = [
            "triggers logs tail",
            flags,
            "--no-follow --request-id",
            console.printable(result.request_id),
        ]
        write(f"  logs: {' '.join(word for word in words if word)}")
