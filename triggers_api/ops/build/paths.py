"""Locate the sources of the service and of the stack, in an installed wheel or in a checkout."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2]
_IN_WHEEL, _IN_CHECKOUT = PACKAGE / "_deploy", PACKAGE.parent / "deploy"
DEPLOY = _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_CHECKOUT
"""The folder of `template.yaml` and `requirements.txt`."""
