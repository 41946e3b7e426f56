"""`triggers events`: list, show, send, acknowledge, requeue, delete, export and import events."""

import typer

from triggers_api.cli.commands.event_commands import changes, files, listing, sending

app = typer.Typer(
    help="Work with the events of a stage. Example: triggers events list --stage prod",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.command("list")(listing.list_events)
app.command("show")(listing.show_event)
app.command("send")(sending.send)
app.command("ack")(changes.acknowledge)
app.command("requeue")(changes.requeue)
app.command("delete")(changes.delete)
app.command("export")(files.export)
app.command("import")(files.import_events)
