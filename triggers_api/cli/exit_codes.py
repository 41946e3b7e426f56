"""The exit code of each kind of error. Scripts rely on them; the README has the table."""

from collections.abc import Mapping

from triggers_api.errors import Kind

INTERRUPTED = 130

EXIT_CODE: Mapping[Kind, int] = {
    Kind.INVALID: 2,
    Kind.USAGE: 2,
    Kind.UNAUTHENTICATED: 4,
    Kind.FORBIDDEN: 4,
    Kind.UNPROCESSABLE: 1,
    Kind.NOT_FOUND: 1,
    Kind.METHOD_NOT_ALLOWED: 1,
    Kind.CONFLICT: 1,
    Kind.TOO_LARGE: 1,
    Kind.UNSUPPORTED_MEDIA_TYPE: 1,
    Kind.MISDIRECTED: 1,
    Kind.UNAVAILABLE: 1,
    Kind.INTERNAL: 1,
    Kind.FAILED: 1,
    Kind.PREFLIGHT: 3,
    Kind.DEPLOYMENT: 5,
    Kind.CHECKS: 6,
}
