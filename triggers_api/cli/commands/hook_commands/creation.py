"""`triggers hooks create`: create the URL for a provider's webhooks."""

from typing import Annotated, Any

import typer

from triggers_api.cli.commands.hook_commands.inputs import (
    PublicUrlOption,
    SecretOption,
    hooks_to_change,
    read_secret,
)
from triggers_api.cli.context import CommandContext
from triggers_api.cli.options import stage_options


def _generic(text: str, metavar: str) -> Any:
    return typer.Option(metavar=metavar, help=f"Of --preset generic: {text}", show_default=False)


@stage_options(local=True, yes=True, no_input=True)
def create(
    context: CommandContext,
    preset: Annotated[
        str,
        typer.Option(
            metavar="PRESET",
            help="github, gitlab, linear, paddle, shopify, slack, standard, stripe or generic.",
        ),
    ],
    source: Annotated[str, typer.Option(help="The source of the hook's events.")],
    secret: SecretOption = None,
    event_type: Annotated[
        str | None,
        typer.Option(
            metavar="TYPE", help="The type of events for which the provider names none.", show_default=False
        ),
    ] = None,
    public_url: PublicUrlOption = None,
    dedupe: Annotated[
        str,
        typer.Option(
            metavar="WAY",
            help="How a repeated delivery is recognised: by its id or body (id), or not at all (none).",
        ),
    ] = "id",
    scheme: Annotated[
        str | None, _generic("hmac (signed), secret (a shared secret) or none (the URL).", "SCHEME")
    ] = None,
    header: Annotated[str | None, _generic("the header of the signature or secret.", "NAME")] = None,
    algorithm: Annotated[str | None, _generic("sha256, sha1 or sha512.", "NAME")] = None,
    encoding: Annotated[str | None, _generic("hex or base64.", "NAME")] = None,
    prefix: Annotated[str | None, _generic("what the signature starts with.", "TEXT")] = None,
    template: Annotated[
        str | None, _generic("the signed text, of {body}, {timestamp} and {id}.", "TEXT")
    ] = None,
    timestamp_header: Annotated[str | None, _generic("the header of the signed time.", "NAME")] = None,
    id_header: Annotated[str | None, _generic("the header of the delivery's id.", "NAME")] = None,
    query: Annotated[str | None, _generic("the URL's parameter for the secret.", "NAME")] = None,
    bearer: Annotated[
        bool, typer.Option("--bearer", help="Of --preset generic: the secret is a bearer token.")
    ] = False,
) -> None:
    """Create a hook: a URL for a provider's webhooks. It is shown only once.

    Example: triggers hooks create --stage local --preset github --source github
    """
    from triggers_api.cli.output.hooks import print_new_hook
    from triggers_api.ops.hook_delivery.urls import find_base, hook_url
    from triggers_api.ops.hooks.generic import GenericOptions
    from triggers_api.ops.hooks.new_hook import needs_secret, plan_hook, with_secret

    options = GenericOptions(
        scheme, header, algorithm, encoding, prefix, template, timestamp_header, id_header, query, bearer
    )
    plan = plan_hook(preset=preset, source=source, event_type=event_type, dedupe=dedupe, options=options)
    waits = needs_secret(plan.preset) and not plan.preset.makes_secret
    asks = f"Signing secret of {plan.preset.title} (empty: set it later)" if waits else None
    plan = with_secret(plan, read_secret(secret, asks=asks, no_input=context.no_input))
    with hooks_to_change(context, "Create a hook", creates=True) as hooks:
        base = find_base(context.target, public_url)
        new = hooks.create(plan)
    print_new_hook(new, plan.preset, hook_url(base, new.hook_id), context.target, as_json=context.as_json)
