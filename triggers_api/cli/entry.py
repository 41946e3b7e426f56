"""The one place where an error becomes a message and an exit code."""

import sys

from triggers_api.cli.exit_codes import EXIT_CODE, INTERRUPTED
from triggers_api.errors import TriggersError


def main() -> None:
    """Run the command line; ends the process."""
    try:
        from triggers_api.cli.app import app  # noqa: PLC0415 - Ctrl-C may come while this is imported

        app()
    except TriggersError as error:
        lines = [f"error: {error.message}"]
        if error.reason:
            lines.append(f"  why: {error.reason}")
        if error.hint:
            lines.append(f"  fix: {error.hint}")
        sys.stderr.write("\n".join(lines) + "\n")
        sys.exit(EXIT_CODE[error.kind])
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
