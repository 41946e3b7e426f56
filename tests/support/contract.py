"""The contract as the OpenAPI document describes it."""

from typing import Any

from triggers_api.api.factory import V1_ROUTES
from triggers_api.api.openapi import build_document

DOCUMENT: dict[str, Any] = build_document(V1_ROUTES)
ENDPOINTS = [(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item]
"""Method and path of every call, in the order of the routes."""
