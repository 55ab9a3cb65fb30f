"""The loopback address at which the SDK's client, inside the app, reaches the management API.

Each process has its own listener, as the extension has. It lives longer than the public one: a
function that is being finished while the host ends may still start or signal something. Its path
holds a secret, so that no other user of the machine and no page in a browser can act through it.
"""

import asyncio
import secrets
import socket

import uvicorn
from uvicorn.server import ServerState

from funchost.durable.api.web_hook import ManagementApi
from funchost.exchange import ClientGoneError, Exchange, Receive, Scope, Send
from funchost.http_messages import BadRequestError, Response, read_headers
from funchost.protocol import HostProtocol

__all__ = ["LocalRpc"]

_BASE_SEGMENTS = 2


class LocalRpc:
    def __init__(self, api: ManagementApi) -> None:
        self._api = api
        self._secret = secrets.token_urlsafe(16)
        self._prefix = f"/{self._secret}/durabletask/".encode()
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        # Bound at once: the address is part of every client binding.
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.base_url = (
            f"http://127.0.0.1:{self._socket.getsockname()[1]}/{self._secret}/durabletask/"
        )

    async def open(self) -> None:
        config = uvicorn.Config(
            self._answer,
            interface="asgi3",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            # The client pools its connections; one that we close first costs it a failed request.
            timeout_keep_alive=3600,
        )
        config.load()
        self._server = await asyncio.get_running_loop().create_server(
            lambda: HostProtocol(config=config, server_state=self._state, app_state={}),
            sock=self._socket,
        )

    async def close(self) -> None:
        """Returns when the requests under way have been answered."""
        if self._server is None:
            self._socket.close()
            return
        self._server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["raw_path"].startswith(self._prefix):
            response = Response(404, [], b"")
        else:
            exchange = Exchange(scope, receive, send, read_headers(scope["headers"]), "")
            try:
                response = await self._api.answer(exchange, _BASE_SEGMENTS, is_public=False)
            except BadRequestError as error:
                response = Response(error.status, [], b"")
            except ClientGoneError:
                return
        headers = [*response.headers, (b"content-length", b"%d" % len(response.body))]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})
