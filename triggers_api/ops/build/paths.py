"""Where the sources of the service and of the stack are: in a wheel, or in a checkout."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2]
_IN_A_WHEEL, _IN_A_CHECKOUT = PACKAGE / "_deploy", PACKAGE.parent / "deploy"
DEPLOY = _IN_A_WHEEL if _IN_A_WHEEL.is_dir() else _IN_A_CHECKOUT
"""The folder of `template.yaml` and `requirements.txt`."""
