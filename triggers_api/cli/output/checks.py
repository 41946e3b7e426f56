"""Show the findings of a smoke test or a verification: a table and what failed, or JSON."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from triggers_api.cli.exit_codes import EXIT_CODE
from triggers_api.cli.flags import complete_commands
from triggers_api.cli.interrupts import SMOKE_LEFTOVERS, handle_interrupts
from triggers_api.cli.output import console
from triggers_api.errors import ChecksFailedError
from triggers_api.ops.findings import Finding

if TYPE_CHECKING:
    from triggers_api.ops.smoke.smoke_run import SmokeOptions


class CheckProgress:
    """Collects findings and prints a failure at once; on a terminal, counts them on a status line."""

    def __init__(self, total: int, title: str) -> None:
        self.findings: list[Finding] = []
        self._total, self._title = total, title
        self._show: Callable[[str], None] = lambda _: None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if console.terminal_width(sys.stderr):
            from rich.console import Console  # not needed in a pipe
            from rich.text import Text

            status = self._stack.enter_context(Console(stderr=True).status(Text(self._title)))
            self._show = lambda text: status.update(Text(text))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, finding: Finding) -> None:
        """Add a finding, and complete the commands in its fix."""
        finding = replace(finding, fix=complete_commands(finding.fix))
        self.findings.append(finding)
        if finding.was_run and not finding.passed:
            console.say(f"{finding.check} failed: {console.printable(finding.message)}")
        self._show(f"{self._title}: {len(self.findings)} of {self._total}, last {finding.check}")


def run_smoke_test(options: "SmokeOptions", title: str) -> list[Finding]:
    """Run a smoke test and show its progress. After Ctrl-C it still cleans up.

    Raises:
        KeyboardInterrupt: The run was interrupted.
        OperatorError: The run could not start.
    """
    from triggers_api.ops.smoke.smoke_run import SmokeRun

    with CheckProgress(options.total, title) as progress:
        run = SmokeRun(options, report=progress.add, notify=notify)
        with handle_interrupts(SMOKE_LEFTOVERS, stop=run.stop):
            run.execute()
    return progress.findings


def notify(text: str) -> None:
    """Print what is not a finding: what a run waits for, or what it could not remove."""
    console.say(complete_commands(text))


def answer_findings(
    about: Mapping[str, str], findings: Sequence[Finding], *, as_json: bool, flags: str | None
) -> None:
    """Print the findings; exit with 6 if a check has not passed.

    Args:
        about: What was checked: the first fields of the JSON document.
        findings: All findings.
        as_json: Print a JSON document instead of a table.
        flags: The flags with which `logs tail` reads the log; None if it is unknown or not on AWS.

    Raises:
        ChecksFailedError: A check has not passed, and the output is not JSON.
    """
    if as_json:
        console.answer_json({**about, **make_document(findings)})
        if not all(one.passed for one in findings):
            sys.exit(EXIT_CODE[ChecksFailedError.kind])
        return
    rows = [
        (one.check, "ok" if one.passed else "FAILED", str(one.milliseconds))
        for one in findings
        if one.was_run
    ]
    console.answer_table(("CHECK", "RESULT", "MS"), rows)
    conclude(findings, flags=flags, write=console.answer)


def make_document(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the findings as JSON values. A field that does not apply is null."""
    checks = [
        {
            "check": one.check,
            "passed": one.passed,
            "milliseconds": one.milliseconds,
            "expected": one.expected or None,
            "saw": one.message or None,
            "fix": one.fix or None,
            "request_id": one.request_id or None,
            "ran": one.was_run,
        }
        for one in findings
    ]
    return {"passed": all(one.passed for one in findings), "checks": checks}


def conclude(findings: Sequence[Finding], *, flags: str | None, write: Callable[[str], None]) -> None:
    """Print that all checks passed, or explain each failure.

    Raises:
        ChecksFailedError: A check has not passed.
    """
    failed = [one for one in findings if one.was_run and not one.passed]
    not_run = [one for one in findings if not one.was_run]
    for one in failed:
        _explain(one, flags, write)
    if not_run:  # all have one cause, and the first has the fix
        write(f"not run: {', '.join(one.check for one in not_run)}")
        reason = not_run[0].message.removeprefix("not run: ")
        _write_parts(("why", reason), ("fix", not_run[0].fix), write=write)
    if failed or not_run:
        first = (failed or not_run)[0]
        raise ChecksFailedError(
            _summarize(len(failed), len(not_run), len(findings)),
            reason=f"{first.check}: {console.printable(first.message)}",
            hint=first.fix or "See above what each failed check expected and saw.",
        )
    console.say(f"All {len(findings)} checks passed.")


def _summarize(failed: int, not_run: int, total: int) -> str:
    if not not_run:
        return f"{failed} of {total} checks failed."
    if not failed:
        return f"{not_run} of {total} checks were not run."
    return f"Of {total} checks {failed} failed, and {not_run} were not run."


def _explain(finding: Finding, flags: str | None, write: Callable[[str], None]) -> None:
    write(f"{finding.check}")
    _write_parts(("expected", finding.expected), ("saw", finding.message), ("fix", finding.fix), write=write)
    if finding.request_id:
        request_id = console.printable(finding.request_id)
        command = f"triggers logs tail {flags} --no-follow --request-id {request_id}"
        write(f"  request id: {request_id}" if flags is None else f"  logs: {command}")


def _write_parts(*parts: tuple[str, str], write: Callable[[str], None]) -> None:
    for name, text in parts:
        if text:
            write(f"  {name}: {console.printable(text)}")
