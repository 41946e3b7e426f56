"""uvicorn for one machine, with the contract's error shape for input that is not HTTP."""

import socket
from typing import TYPE_CHECKING

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from triggers_api.api.context import new_request_id
from triggers_api.api.errors import error_body

if TYPE_CHECKING:
    from starlette.types import ASGIApp


class _Protocol(H11Protocol):
    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - h11's message may quote the input
        """Answer a request that cannot be parsed. No app sees it, and uvicorn's own answer is plain text."""
        request_id = new_request_id()
        body = error_body("VALIDATION_ERROR", "The request is not valid HTTP/1.1.", {}, request_id)
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-Request-ID", request_id),
            ("Cache-Control", "no-store"),
            ("Connection", "close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=body.encode()),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def serve(app: "ASGIApp", listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; requests in flight get five seconds to finish."""
    config = uvicorn.Config(
        app,
        http=_Protocol,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",  # else an installed WebSocket library answers an upgrade, in its own words
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    uvicorn.Server(config).run(sockets=[listener])
