"""The one place where an error becomes a message and an exit code.

Nothing is imported here that `--version` could do without.
"""

import errno
import io
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from triggers_api.cli.exit_codes import EXIT_CODE, INTERRUPTED
from triggers_api.errors import ConfigurationError, LocalEnvironmentError, TriggersError
from triggers_api.version import VERSION

_LIKE_A_KEY = 16


def main() -> None:
    """Run the command line; ends the process."""
    try:
        if sys.argv[1:] == ["--version"]:
            print_version()
        else:
            _run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def print_version() -> None:
    """Write the version."""
    sys.stdout.write(f"triggers {VERSION}\n")


def _run() -> NoReturn:
    import logging  # Ctrl-C may come while these are imported

    import typer

    from triggers_api.cli.app import make_app

    # The service's log is for whoever runs the service; a command says what matters itself.
    logging.getLogger().addHandler(logging.NullHandler())
    arguments = sys.argv[1:]
    app = make_app(*arguments[:1])
    as_json = "--json" in arguments
    # Typer's own copy of Click's UsageError, which has no public name.
    usage_error: Any = typer.BadParameter.__base__
    debug = "--debug" in arguments
    if sys.stderr is None:  # closed: notices go nowhere
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the rest of the process
    try:
        if sys.stdout is None:
            raise LocalEnvironmentError(  # noqa: TRY301 - ends where all errors do
                "There is nowhere to write the answer.", reason="stdout is closed", hint="Leave it open."
            )
        _survive_any_text()
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except TriggersError as error:
        _end(error, as_json=as_json, debug=debug)
    except typer.Abort:
        sys.exit(INTERRUPTED)
    except usage_error as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its text is the help page
            sys.stderr.write(f"{error.format_message()}\n")
            sys.exit(EXIT_CODE[ConfigurationError.kind])
        _end(_usage(error, arguments), as_json=as_json, debug=False)
    except BrokenPipeError:
        # Who reads has seen enough (`| head -1`): no news, and no success either.
        from triggers_api.cli.output.console import give_up_on_stdout

        give_up_on_stdout()
        sys.exit(EXIT_CODE[LocalEnvironmentError.kind])
    except Exception as error:  # noqa: BLE001 - the last resort: a bug, or a machine that nobody thought of
        problem = _unforeseen(error)
        problem.__cause__ = error
        _end(problem, as_json=as_json, debug=debug)
    sys.exit(code if isinstance(code, int) else 0)


def _unforeseen(error: Exception) -> TriggersError:
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EIO}:
        from triggers_api.cli.output.console import give_up_on_stdout  # Python would try once more at its end

        give_up_on_stdout()
        return LocalEnvironmentError(
            "The answer could not be written.",
            reason=(error.strerror or str(error)).lower(),
            hint="Make room where it goes.",
        )
    return TriggersError(
        "Something went wrong that this program does not know.",
        reason=type(error).__name__,
        hint="Run it again with --debug, and report what it prints.",
    )


def _survive_any_text() -> None:
    """Write what a terminal's or a pipe's encoding lacks as an escape, rather than fail after a change."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _usage(error: Any, arguments: list[str]) -> ConfigurationError:
    """Return a usage error without what may be a key on the command line."""
    message = error.format_message()
    for argument in arguments:
        if len(argument) >= _LIKE_A_KEY and not argument.startswith("--"):
            message = message.replace(argument, "...")
    command = error.ctx.command_path if error.ctx else "triggers"
    return ConfigurationError(message, hint=f"See {command} --help.")


def _end(error: TriggersError, *, as_json: bool, debug: bool) -> NoReturn:
    from triggers_api.cli.output.console import show_error  # only where something went wrong

    if debug:
        import traceback  # as above

        traceback.print_exception(error)
    show_error(error, as_json=as_json)
    sys.exit(EXIT_CODE[error.kind])
