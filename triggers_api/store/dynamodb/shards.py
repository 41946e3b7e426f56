"""Shards: several partitions of the status index for each status, so that writes do not all meet in one.

DynamoDB takes about 1,000 write units a second for one partition, and the index has one partition for each of
its keys. With several shards an event is pending under `pending`, `pending#01`, `pending#02` and so on. Shard
0 has no suffix, so with one shard the index is that of version 0.1.0. An event keeps its shard until a change
of its status, which writes it into the shard that it has by then.
"""

from dataclasses import dataclass

_ID_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Shards:
    """How many shards are written and read. `read` is never lower than `write`."""

    write: int = 1
    read: int = 1

    def key(self, status: str, event_id: str) -> str:
        """Return the index key under which an event is written."""
        return shard_key(status, int(event_id[-_ID_DIGITS:], 16) % self.write)


ONE_SHARD = Shards()


def shard_key(status: str, shard: int) -> str:
    """Return the index key of a status in a shard."""
    return f"{status}#{shard:02d}" if shard else status


def status_of(key: str) -> str:
    """Return the status of an index key."""
    return key.partition("#")[0]
