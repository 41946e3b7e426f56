"""A smoke test of an ASGI app, in process and in virtual time: no server, no waiting."""

from collections.abc import Callable
from typing import Any

import httpx
from starlette.types import ASGIApp

from tests.support.broken_api import KEY
from tests.support.virtual_time import VirtualTimeLoop
from triggers_api.ops.findings import Finding
from triggers_api.ops.smoke.smoke_run import SmokeOptions, SmokeRun

URL = "http://api.example"


def make_run(
    app: ASGIApp,
    report: Callable[[Finding], None],
    *,
    notify: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> SmokeRun:
    """Return a run that is yet to be executed. The options are those of `SmokeOptions`."""
    if "target" not in options:
        options.setdefault("key", KEY)
    return SmokeRun(
        SmokeOptions(URL, **options),
        report=report,
        notify=notify,
        transport=httpx.ASGITransport(app),
        loop_factory=VirtualTimeLoop,
    )


def run_smoke(app: ASGIApp, **options: Any) -> dict[str, Finding]:
    """Check an app; return the findings in the order in which they were reported."""
    findings: dict[str, Finding] = {}

    def report(finding: Finding) -> None:
        assert finding.check not in findings, "a check was reported twice"
        findings[finding.check] = finding

    make_run(app, report, **options).execute()
    return findings
