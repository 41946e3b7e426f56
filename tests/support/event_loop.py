"""An event loop for Mangum, which uses the loop of the thread and does not close it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def event_loop() -> Iterator[None]:
    """Set an event loop for this thread, as Lambda's main thread has one, and close it afterwards.

    Without it Mangum creates one that stays open, and the next test that sets its own gets a warning.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()
