"""uvicorn for one machine, with the contract's error shape for what is not even HTTP."""

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
    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - what h11 says of it may quote the input
        """Answer what cannot be parsed, which no app ever sees; uvicorn's own answer is plain text."""
        request_id = new_request_id()
        body = error_body("VALIDATION_ERROR", "The request is not valid HTTP/1.1.", {}, request_id)
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-Request-ID", request_id),
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
    """Serve until SIGINT or SIGTERM; requests in flight get five seconds to end."""
    config = uvicorn.Config(
        app,
        http=_Protocol,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",  # else an upgrade is answered by a WebSocket library, where one is, in its own words
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    uvicorn.Server(config).run(sockets=[listener])
