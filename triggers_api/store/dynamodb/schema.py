"""The names that the two tables have in common with the stack's template: their keys, the index, the TTL.

`deploy/template.yaml` creates the tables on AWS. A test compares the two.
"""

EVENTS_KEY = ("event_id", "created_at")
"""Partition key and sort key of the events table."""

STATUS_INDEX = "status-created_at-index"
STATUS_INDEX_KEY = ("status", "created_at")
"""Partition key and sort key of the index."""

TTL_ATTRIBUTE = "ttl"

KEYS_KEY = "api_key"
"""Partition key of the keys table. It holds the digest of the key."""
