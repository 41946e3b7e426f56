"""How long events are kept."""

from dataclasses import dataclass

from triggers_api.core.times import EARLIEST_SECONDS

_DAY = 24 * 3600
_NEVER = 253_402_300_799  # the last second of the year 9999


@dataclass(frozen=True, slots=True)
class Retention:
    """How many days an event is kept after it was ingested, was requeued, or died."""

    days: int

    def expiry(self, now: int) -> int:
        """Return when an event expires whose retention starts now. Both are in seconds since 1970.

        If the clock was never set, an expiry by that clock would be in the past as soon as the clock is set.
        Such an event is kept until it is deleted.
        """
        return now + self.days * _DAY if now >= EARLIEST_SECONDS else _NEVER
