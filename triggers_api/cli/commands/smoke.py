"""`triggers smoke`: every call of a live API, checked."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from triggers_api.cli import config
from triggers_api.cli.flags import flags_of, work_on
from triggers_api.cli.interrupts import OF_A_SMOKE_TEST, interrupts_told
from triggers_api.cli.options import (
    DataDirOption,
    DebugOption,
    JsonOption,
    ProfileOption,
    RegionOption,
    StackNameOption,
    StageOrLocalOption,
)
from triggers_api.cli.output import console
from triggers_api.errors import ConfigurationError
from triggers_api.ops.target import Target


def smoke(
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The API's URL, with its stage.  [default: the stage's own]"),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="The key to check with, or - to read it from stdin. Default: TRIGGERS_API_KEY, else a new "
            "one of the stage, which is revoked at the end.",
            show_default=False,
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long one check may take; at most 55.")
    ] = 30.0,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a JUnit report too.", show_default=False)
    ] = None,
    stage: StageOrLocalOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    stack_name: StackNameOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,  # noqa: ARG001 - read where errors end
) -> None:
    """Check every call of a live API, and remove what that made.

    Ends with 6 where a check fails. Example: triggers smoke --stage prod
    """
    from triggers_api.cli.output.checks import answer_results, counted, notice
    from triggers_api.cli.output.junit import check_writable, write_report
    from triggers_api.ops.smoke import urls
    from triggers_api.ops.smoke.smoke import SmokeOptions, check_timeout
    from triggers_api.ops.smoke.smoke import smoke as results_of

    check_timeout(timeout)
    target = config.resolve(
        stage=stage, region=region, profile=profile, stack_name=stack_name, data_dir=data_dir
    )
    if url is not None and stage is None:
        work_on(None)  # the URL may be another stage's
    api_key = config.api_key(console.read_secret("Key") if key == "-" else key)
    if url is not None and api_key is None and stage is None:
        raise ConfigurationError(
            "--url needs a key, or the stage to make one in.",
            reason=f"no key is written to the stage {target.stage} for an API that may be another's",
            hint="Give --key, TRIGGERS_API_KEY or --stage.",
        )
    if junit is not None:
        check_writable(junit)
    base = urls.url_of(target) if url is None else urls.base_url(url)
    if urls.is_in_clear(base):
        console.say("warning: http:// sends the key in clear, for everybody on the way to read.")
    options = SmokeOptions(base, None if api_key is None else api_key.value, target, timeout)
    if api_key is None:
        _say_where(target)
    console.say(f"Checking {base}; the request ids begin with smoke-{options.run}.")
    with interrupts_told(OF_A_SMOKE_TEST), closing(results_of(options, notice=notice)) as results:
        found = counted(results, options.total, "Checking")
    # A URL says nothing of the stage whose log is to be read, and the local one is not on AWS.
    has_log = not target.is_local and (url is None or stage is not None)
    flags = flags_of(target) if has_log else None
    try:
        answer_results({"url": base, "run": f"smoke-{options.run}"}, found, as_json=as_json, flags=flags)
    finally:
        if junit is not None:
            write_report(junit, found)


def _say_where(target: Target) -> None:
    """Say where a key is about to be made, and where each part of that came from."""
    what = "Make a key for this run"
    if target.is_local:
        console.say(f"{what}: stage {target.stage}, data in {target.data_dir}")
        return
    from triggers_api.ops.aws import locate

    place = locate(target)
    console.say(
        f"{what}: account {place.account}, region {place.region}, stage {target.stage}, "
        f"stack {target.stack_name}, profile {target.profile or 'default'}, table {target.keys_table}"
    )
