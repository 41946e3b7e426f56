"""What `triggers smoke` and `triggers verify` find: one record for each check, passed or not."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """How a check ended. One that could not be made has not passed nor `ran`; `saw` says why.

    `expected` and `saw` never hold a key or a payload. `request_id` is one to look for in the logs.
    """

    check: str
    passed: bool
    milliseconds: int
    expected: str
    saw: str = ""
    fix: str = ""
    request_id: str = ""
    ran: bool = True
