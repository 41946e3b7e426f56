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
    with explain_local_errors():
        folder = tempfile.TemporaryDirectory(prefix="triggers-", ignore_cleanup_errors=True)
    try:
        yield Path(folder.name)
    finally:
        try:
            folder.cleanup()
        except KeyboardInterrupt:
            folder.cleanup()
            raise


@contextmanager
def explain_local_errors() -> Iterator[None]:
    """Explain an error of this machine while the block writes to a scratch folder.

    Raises:
        LocalEnvironmentError: The folder could not be written, for example because the disk is full.
    """
    try:
        yield
    except OSError as error:
        raise _local_build_error(error) from error


def _local_build_error(error: OSError) -> LocalEnvironmentError:
    another = "set TMPDIR to another folder"
    reason, hint = explain_system_error(
        error,
        "the temporary folder",
        otherwise=f"Repair the temporary folder, or {another}.",
        instead=f", or {another}",
    )
    return LocalEnvironmentError("This machine cannot hold the build.", reason=reason, hint=hint)
