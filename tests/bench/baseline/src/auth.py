"""Keys of the baseline: see ../README.md. Nobody's example."""

import os
from typing import Annotated

from fastapi import Header, HTTPException

from . import database

LOCAL_KEY = "test-api-key-12345"


def require_key(x_api_key: Annotated[str | None, Header()] = None) -> str:
    """Return the key of the request where it is good; looked up for each request, as the requirements say."""
    if x_api_key:
        if os.environ.get("AUTH_MODE", "local") == "local":
            if x_api_key == LOCAL_KEY:
                return x_api_key
        else:
            record = database.find_key(x_api_key)
            if record and record.get("is_active") is True:
                return x_api_key
    raise HTTPException(401, "Invalid or missing API key")
