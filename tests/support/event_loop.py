"""An event loop for Mangum, which asks the thread for one and closes none."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def event_loop() -> Iterator[None]:
    """Give this thread a loop, as Lambda's main thread has one, and close it after.

    Without it Mangum makes one that stays open, and the next test that sets its own is told of it.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()
