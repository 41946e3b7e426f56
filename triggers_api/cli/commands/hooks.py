"""`triggers hooks`: create, list, show, rotate, revoke and test the URLs that providers post webhooks to."""

import typer

from triggers_api.cli.commands.hook_commands import changes, creation, listing, testing

app = typer.Typer(
    help="Receive the webhooks of GitHub, Stripe and others. Example: triggers hooks list --stage prod",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command("create")(creation.create)
app.command("list")(listing.list_hooks)
app.command("show")(listing.show)
app.command("rotate")(changes.rotate)
app.command("revoke")(changes.revoke)
app.command("test")(testing.try_hook)
