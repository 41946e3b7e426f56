"""The options that many commands share, with one wording and one meaning."""

from pathlib import Path
from typing import Annotated

import typer

StageOption = Annotated[
    str | None,
    typer.Option(
        "--stage",
        metavar="STAGE",
        help="The stage.  [default: prod]",
        show_default=False,
    ),
]
StageOrLocalOption = Annotated[
    str | None,
    typer.Option(
        "--stage",
        metavar="STAGE",
        help="The stage; local is the store of `triggers dev`.  [default: prod]",
        show_default=False,
    ),
]
RegionOption = Annotated[
    str | None,
    typer.Option("--region", metavar="REGION", help="The AWS region of the stage.", show_default=False),
]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", metavar="PROFILE", help="The AWS profile to use.", show_default=False),
]
StackNameOption = Annotated[
    str | None,
    typer.Option(
        "--stack-name", metavar="NAME", help="The stack.  [default: triggers-api-STAGE]", show_default=False
    ),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help="With --stage local: the folder of the data.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, errors too.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
NoInputOption = Annotated[bool, typer.Option("--no-input", help="Never ask: fail where a yes is needed.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
