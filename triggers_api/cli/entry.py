"""The one place where an error becomes a message and an exit code.

Nothing is imported here that `--version` could do without.
"""

import sys
from typing import Any, NoReturn

from triggers_api.cli.exit_codes import EXIT_CODE, INTERRUPTED
from triggers_api.errors import ConfigurationError, TriggersError
from triggers_api.version import VERSION


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
    import logging  # noqa: PLC0415 - Ctrl-C may come while these are imported

    import typer  # noqa: PLC0415

    from triggers_api.cli.app import app  # noqa: PLC0415

    # The service's log is for whoever runs the service; a command says what matters itself.
    logging.getLogger().addHandler(logging.NullHandler())
    arguments = sys.argv[1:]
    as_json = "--json" in arguments
    # Typer's own copy of Click's UsageError, which has no public name.
    usage_error: Any = typer.BadParameter.__base__
    try:
        code = app(standalone_mode=False)
    except TriggersError as error:
        _end(error, as_json=as_json, debug="--debug" in arguments)
    except typer.Abort:
        sys.exit(INTERRUPTED)
    except usage_error as error:
        if not as_json:
            error.show()
            sys.exit(EXIT_CODE[ConfigurationError.kind])
        wrong = ConfigurationError(error.format_message(), hint="See --help.")
        _end(wrong, as_json=True, debug=False)
    sys.exit(code if isinstance(code, int) else 0)


def _end(error: TriggersError, *, as_json: bool, debug: bool) -> NoReturn:
    from triggers_api.cli.console import show_error  # noqa: PLC0415 - only where something went wrong

    if debug:
        import traceback  # noqa: PLC0415 - as above

        traceback.print_exception(error)
    show_error(error, as_json=as_json)
    sys.exit(EXIT_CODE[error.kind])
