"""Show the findings of a smoke test or a verification: a table and what failed, or JSON."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from triggers_api.cli.exit_codes import EXIT_CODE
from triggers_api.cli.interrupts import SMOKE_LEFTOVERS, handle_interrupts
from triggers_api.cli.output import console
from triggers_api.errors import ChecksFailedError
from triggers_api.ops.findings import Finding, State
from triggers_api.ops.shell_commands import triggers_command

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
            terminal = console.rich_console(sys.stderr)
            status = self._stack.enter_context(terminal.status(console.rich_text(self._title)))
            self._show = lambda text: status.update(console.rich_text(text))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, finding: Finding) -> None:
        """Add a finding."""
        self.findings.append(finding)
        if finding.was_run and not finding.passed:
            console.say(f"{finding.check} failed: {finding.message}")
        self._show(f"{self._title}: {len(self.findings)} of {self._total}, last {finding.check}")


def run_smoke_test(options: "SmokeOptions", title: str) -> list[Finding]:
    """Run a smoke test and show its progress. After Ctrl-C it still cleans up.

    Raises:
        KeyboardInterrupt: The run was interrupted.
        OperatorError: The run could not start.
    """
    from triggers_api.ops.smoke.smoke_run import SmokeRun

    with CheckProgress(options.total, title) as progress:
        run = SmokeRun(options, report=progress.add, notify=console.say)
        with handle_interrupts(SMOKE_LEFTOVERS, stop=run.stop):
            run.execute()
    return progress.findings


def answer_findings(
    about: Mapping[str, str], findings: Sequence[Finding], *, as_json: bool, has_log: bool, verbose: bool
) -> None:
    """Print the findings; exit with 6 if a check has not passed.

    If all have passed, print one line for each group of checks.

    Args:
        about: What was checked: the first fields of the JSON document.
        findings: All findings.
        as_json: Print a JSON document instead of a table.
        has_log: The target has the log of the API that was checked.
        verbose: Print every check, also if all have passed.

    Raises:
        ChecksFailedError: A check has not passed, and the output is not JSON.
    """
    if as_json:
        console.answer_json({**about, **make_document(findings)})
        if not all(one.passed for one in findings):
            sys.exit(EXIT_CODE[ChecksFailedError.kind])
        return
    run = [one for one in findings if one.was_run]
    if verbose or not all(one.passed for one in findings):
        rows = [(one.check, "ok" if one.passed else "FAILED", str(one.milliseconds)) for one in run]
        console.answer_table(("CHECK", "RESULT", "MS"), rows)
    else:
        console.answer_table(("GROUP", "CHECKS", "RESULT", "SLOWEST MS"), _group_rows(run))
    conclude(findings, has_log=has_log, write=console.answer)


def _group_rows(passed: Sequence[Finding]) -> list[tuple[str, str, str, str]]:
    groups: dict[str, list[int]] = {}
    for one in passed:
        groups.setdefault(one.group, []).append(one.milliseconds)
    return [(name, str(len(times)), "ok", str(max(times))) for name, times in groups.items()]


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


def conclude(findings: Sequence[Finding], *, has_log: bool, write: Callable[[str], None]) -> None:
    """Print that all checks passed, or explain each failure.

    Raises:
        ChecksFailedError: A check has not passed.
    """
    failed = [one for one in findings if one.was_run and not one.passed]
    not_run = [one for one in findings if one.state is State.UNKNOWN]
    skipped = [one for one in findings if one.state is State.SKIPPED]
    for one in failed:
        _explain(one, write, has_log=has_log)
    if not_run:  # all have one cause, and the first has the fix
        write(f"not run: {', '.join(one.check for one in not_run)}")
        reason = not_run[0].message.removeprefix("not run: ")
        _write_parts(("why", reason), ("fix", not_run[0].fix), write=write)
    for message in dict.fromkeys(one.message for one in skipped):
        write(f"left out: {', '.join(one.check for one in skipped if one.message == message)}")
        _write_parts(("why", message.removeprefix("not run: ")), write=write)
    if failed or not_run:
        first = (failed or not_run)[0]
        raise ChecksFailedError(
            _summarize(len(failed), len(not_run), len(findings)),
            reason=f"{first.check}: {first.message}",
            hint=first.fix or "See above what each failed check expected and saw.",
        )
    console.say(f"All {len(findings) - len(skipped)} checks passed.")


def _summarize(failed: int, not_run: int, total: int) -> str:
    if not not_run:
        return f"{failed} of {total} checks failed."
    if not failed:
        return f"{not_run} of {total} checks were not run."
    return f"Of {total} checks {failed} failed, and {not_run} were not run."


def _explain(finding: Finding, write: Callable[[str], None], *, has_log: bool) -> None:
    write(finding.check)
    _write_parts(("expected", finding.expected), ("saw", finding.message), ("fix", finding.fix), write=write)
    if finding.request_id and has_log:
        command = triggers_command("logs tail", "--no-follow", "--request-id", finding.request_id)
        write(f"  logs: {command}")
    elif finding.request_id:
        write(f"  request id: {finding.request_id}")


def _write_parts(*parts: tuple[str, str], write: Callable[[str], None]) -> None:
    for name, text in parts:
        if text:
            write(f"  {name}: {text}")
