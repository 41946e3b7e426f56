"""Run the command line: the one place that turns an error into a message and an exit code.

At import this module loads only what `triggers --version` needs, so that it starts without Typer.
"""

import errno
import io
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from triggers_api.cli.exit_codes import EXIT_CODE, INTERRUPTED
from triggers_api.errors import ConfigurationError, LocalEnvironmentError, TriggersError
from triggers_api.version import VERSION_LINE

_MIN_KEY_LENGTH = 16


def main() -> None:
    """Run the command that `sys.argv` names, and end the process with its exit code."""
    try:
        if sys.argv[1:] == ["--version"]:
            sys.stdout.write(f"{VERSION_LINE}\n")
        else:
            _run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _run() -> NoReturn:
    # Imported here, inside `main`'s handler: Ctrl-C during these imports also ends with 130.
    import logging

    import typer

    from triggers_api.cli import config
    from triggers_api.cli.app import make_app
    from triggers_api.cli.context import ErrorOptions
    from triggers_api.ops.credentials import skip_crt

    skip_crt(config.aws_config_file())
    # The service's log is for its operator. A command prints what matters itself.
    logging.getLogger().addHandler(logging.NullHandler())
    # Typer's own copy of Click's UsageError, which has no public name.
    usage_error: Any = typer.BadParameter.__base__
    shown = ErrorOptions()
    if sys.stderr is None:  # stderr is closed: discard notices
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open until the process ends
    try:
        if sys.stdout is None:
            raise LocalEnvironmentError(  # noqa: TRY301 - handled below, like every error
                "The answer cannot be written.", reason="stdout is closed", hint="Leave stdout open."
            )
        _escape_unencodable_text()
        code = make_app()(standalone_mode=False, obj=shown)
        sys.stdout.flush()
    except TriggersError as error:
        _exit_with(error, as_json=shown.as_json, debug=shown.debug)
    except typer.Abort:
        sys.exit(INTERRUPTED)
    except usage_error as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its text is the help page
            from triggers_api.cli.output import console

            console.say(*error.format_message().split("\n"))
            sys.exit(EXIT_CODE[ConfigurationError.kind])
        # The options could not be parsed, so --json is looked for in the arguments.
        _exit_with(_usage_error(error), as_json="--json" in sys.argv, debug=False)
    except BrokenPipeError:
        # The reader of the pipe is gone, as with `| head -1`: print nothing, but do not report success.
        from triggers_api.cli.output.console import discard_stdout

        discard_stdout()
        sys.exit(EXIT_CODE[LocalEnvironmentError.kind])
    except Exception as error:  # noqa: BLE001 - the last resort: a bug, or a failure of this machine
        problem = _unexpected_error(error)
        problem.__cause__ = error
        _exit_with(problem, as_json=shown.as_json, debug=shown.debug)
    sys.exit(code if isinstance(code, int) else 0)


def _unexpected_error(error: Exception) -> TriggersError:
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EIO}:
        from triggers_api.cli.output.console import discard_stdout

        discard_stdout()
        return LocalEnvironmentError(
            "The answer could not be written.",
            reason=(error.strerror or str(error)).lower(),
            hint="Free some space on the disk that it is written to.",
        )
    return TriggersError(
        "Unexpected error.",
        reason=type(error).__name__,
        hint="Run the command again with --debug, and report what it prints.",
    )


def _escape_unencodable_text() -> None:
    """Escape characters that the encoding of a terminal or pipe lacks: never fail on them after a change."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _usage_error(error: Any) -> ConfigurationError:
    """Return Typer's usage error as one of ours, without any argument that may be a key."""
    message = error.format_message()
    for argument in sys.argv[1:]:
        if len(argument) >= _MIN_KEY_LENGTH and not argument.startswith("--"):
            message = message.replace(argument, "...")
    command = error.ctx.command_path if error.ctx else "triggers"
    return ConfigurationError(message, hint=f"See {command} --help.")


def _exit_with(error: TriggersError, *, as_json: bool, debug: bool) -> NoReturn:
    from triggers_api.cli.output import console

    if debug:
        import traceback

        # Indented, so that a message of several lines cannot look like an error of ours.
        lines = "".join(traceback.format_exception(error)).rstrip("\n").split("\n")
        console.say(*(f"    {line}" for line in lines))
    try:
        console.show_error(error, as_json=as_json)
    except OSError:  # stdout is closed, or its disk is full
        console.discard_stdout()
        console.show_error(error, as_json=False)
    sys.exit(EXIT_CODE[error.kind])
