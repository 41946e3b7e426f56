"""A folder of our own for the while: what is built is in it, and what lies about elsewhere is not."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from triggers_api.errors import LocalEnvironmentError


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give an empty folder that is gone afterwards; `LocalEnvironmentError` where none can be made.

    A Ctrl-C while it is removed does not leave a part of it; a second one may.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="triggers-", ignore_cleanup_errors=True)
    except OSError as error:
        raise no_room(error) from error
    try:
        yield Path(folder.name)
    finally:
        try:
            folder.cleanup()
        except KeyboardInterrupt:
            folder.cleanup()
            raise


def no_room(error: OSError) -> LocalEnvironmentError:
    """Return the error for a machine on which nothing can be built."""
    return LocalEnvironmentError(
        "Nothing can be built on this machine.",
        reason=str(error),
        hint="Make room where temporary files are kept, or set TMPDIR to another folder.",
    )
