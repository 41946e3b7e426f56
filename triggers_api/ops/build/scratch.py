"""Provide a temporary folder that holds only what a build puts there."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from triggers_api.errors import LocalEnvironmentError
from triggers_api.system_errors import explain_system_error


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield an empty folder, and remove it on exit.

    A Ctrl-C during the removal does not leave parts of the folder behind; a second one may.

    Raises:
        LocalEnvironmentError: The folder could not be created.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="triggers-", ignore_cleanup_errors=True)
    except OSError as error:
        raise local_build_error(error) from error
    try:
        yield Path(folder.name)
    finally:
        try:
            folder.cleanup()
        except KeyboardInterrupt:
            folder.cleanup()
            raise


def local_build_error(error: OSError) -> LocalEnvironmentError:
    """Return the error for a machine whose temporary folder cannot hold a build."""
    another = "set TMPDIR to another folder"
    reason, hint = explain_system_error(
        error,
        "the temporary folder",
        otherwise=f"Repair the temporary folder, or {another}.",
        instead=f", or {another}",
    )
    return LocalEnvironmentError("This machine cannot hold the build.", reason=reason, hint=hint)
