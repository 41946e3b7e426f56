"""The events table: reads and conditional writes of one item, and queries of the index."""

from typing import Any

from triggers_api.core.ids import created_at
from triggers_api.store.dynamodb.client import ConditionFailedError, DynamoDB
from triggers_api.store.dynamodb.expressions import Values, expressions
from triggers_api.store.dynamodb.parallel import Threads
from triggers_api.store.dynamodb.shards import Shards


class EventTable:
    """The items of one table.

    The primary key is computed from the event id, so a write needs no read before it. Its preconditions are
    condition expressions, and a refused write returns the existing item. An id that this service cannot have
    generated has no item.
    """

    def __init__(self, dynamodb: DynamoDB, name: str, shards: Shards) -> None:
        self.dynamodb = dynamodb
        self.name = name
        self.shards = shards
        self.threads = Threads()

    def get(self, event_id: str) -> dict[str, Any] | None:
        """Return an item, by a consistent read."""
        key = _primary_key(event_id)
        if key is None:
            return None
        answer = self.dynamodb.call("get_item", TableName=self.name, Key=key, ConsistentRead=True)
        item: dict[str, Any] | None = answer.get("Item")
        return item

    def update(
        self,
        event_id: str,
        change: str,
        *,
        condition: str,
        values: Values,
        to_status: str = "",
        returns: str = "NONE",
    ) -> dict[str, Any]:
        """Change an item if the condition holds.

        Args:
            event_id: The id of the event.
            change: An update expression.
            condition: A condition expression. It must fail on a missing item: else DynamoDB creates one.
            values: The values of both.
            to_status: The new status, if the change sets `:status`.
            returns: Which attributes to return, as DynamoDB's `ReturnValues`.

        Raises:
            ConditionFailedError: The condition does not hold.
        """
        key = self.shards.key(to_status, event_id)
        request = expressions(
            {**values, "status": key}, UpdateExpression=change, ConditionExpression=condition
        )
        expects = None if returns == "NONE" else "Attributes"
        answer = self._write("update_item", event_id, expects=expects, ReturnValues=returns, **request)
        attributes: dict[str, Any] = answer.get("Attributes", {})
        return attributes

    def delete(self, event_id: str, *, condition: str, values: Values) -> None:
        """Delete an item if the condition holds. An empty condition always holds.

        Raises:
            ConditionFailedError: The condition does not hold.
        """
        self._write("delete_item", event_id, **expressions(values, ConditionExpression=condition))

    def query(self, *, expects: str, **request: Any) -> dict[str, Any]:
        """Query the index."""
        return self.dynamodb.call("query", expects=expects, TableName=self.name, **request)

    def _write(
        self, method: str, event_id: str, *, expects: str | None = None, **request: Any
    ) -> dict[str, Any]:
        key = _primary_key(event_id)
        if key is None:
            raise ConditionFailedError({})
        if "ConditionExpression" in request:
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return self.dynamodb.call(method, expects=expects, TableName=self.name, Key=key, **request)


def _primary_key(event_id: str) -> dict[str, Any] | None:
    time = created_at(event_id)
    return None if time is None else {"event_id": {"S": event_id}, "created_at": {"S": time}}
