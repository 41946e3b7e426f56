"""What the service writes to its log, caught as the operator would have it."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from triggers_api.api import logs


@contextmanager
def written(level: str, *, in_lambda: bool) -> Iterator[io.StringIO]:
    """Give the stream that the service's log goes to, configured as the service configures it."""
    loggers = [logging.getLogger(), logging.getLogger(logs.ROOT)]
    before = [(logger.handlers[:], logger.level) for logger in loggers]
    stream = io.StringIO()
    with redirect_stdout(stream) if in_lambda else redirect_stderr(stream):
        logs.configure(level, in_lambda=in_lambda)
    try:
        yield stream
    finally:
        for logger, (handlers, at) in zip(loggers, before, strict=True):
            logger.handlers[:] = handlers
            logger.setLevel(at)
