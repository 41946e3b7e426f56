"""The principal of commands: an operator with AWS credentials, who may do everything."""

from triggers_api.core.access import Principal, Scope

OPERATOR = Principal("operator", key_digest="operator", scopes=frozenset(Scope))
"""It has no API key, so its idempotency keys are apart from those of all keys."""
