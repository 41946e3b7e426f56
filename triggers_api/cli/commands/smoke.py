"""`triggers smoke`: check every call of a live API."""

from pathlib import Path
from typing import Annotated

import typer

from triggers_api.cli import config
from triggers_api.cli.context import CommandContext, announce_store, ca_bundles
from triggers_api.cli.options import VerboseOption, stage_options
from triggers_api.cli.output import console, questions
from triggers_api.errors import ConfigurationError
from triggers_api.ops.shell_commands import forget_stage


@stage_options(local=True)
def smoke(
    context: CommandContext,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The API's URL, with its stage.  [default: the stage's own]"),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="The key to check with, or - to read it from stdin. Default: TRIGGERS_API_KEY, or else a "
            "new key of the stage, which is revoked at the end.",
            show_default=False,
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long one check may take; at most 55.")
    ] = 30.0,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a JUnit report.", show_default=False)
    ] = None,
    verbose: VerboseOption = False,
) -> None:
    """Check every call of a live API, and delete the events it creates.

    Exits with 6 if a check fails. Example: triggers smoke --stage prod
    """
    from triggers_api.cli.output.checks import answer_findings, run_smoke_test
    from triggers_api.cli.output.junit import check_writable, write_report
    from triggers_api.ops.smoke.smoke_run import SmokeOptions, check_timeout
    from triggers_api.ops.smoke.urls import find_url
    from triggers_api.ops.urls import base_url, is_in_clear

    check_timeout(timeout)
    target = context.target
    names_stage = target.stage.origin == "--stage"
    if url is not None and not names_stage:
        # The URL may be that of another stage, so printed commands leave the stage to the operator.
        forget_stage()
    api_key = config.api_key(questions.read_secret("Key") if key == "-" else key)
    if url is not None and api_key is None and not names_stage:
        raise ConfigurationError(
            "--url needs a key, or the stage in which to create one.",
            reason=f"the API may not be that of the stage {target.stage}, so no key is created there",
            hint="Give --key, TRIGGERS_API_KEY or --stage.",
        )
    if junit is not None:
        check_writable(junit)
    base = find_url(target) if url is None else base_url(url)
    if is_in_clear(base):
        console.say("warning: http:// sends the key unencrypted: anyone on the network path can read it.")
    options = SmokeOptions(
        base,
        None if api_key is None else api_key.value,
        target,
        timeout,
        ca_bundles=ca_bundles(target, uses_aws=url is None or api_key is None),
    )
    if api_key is None:
        announce_store(target, "Create a key and a hook for this run", table=target.keys_table)
    console.say(f"Checking {base}; the request ids begin with smoke-{options.run}.")
    findings = run_smoke_test(options, "Checking")
    # A URL alone does not identify the stage whose log to read, and the local stage is not on AWS.
    has_log = not target.is_local and (url is None or names_stage)
    about = {"url": base, "run": f"smoke-{options.run}"}
    try:
        answer_findings(about, findings, as_json=context.as_json, has_log=has_log, verbose=verbose)
    finally:
        if junit is not None:
            write_report(junit, findings)
