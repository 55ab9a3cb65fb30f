"""The loopback address at which the SDK's client, inside the app, reaches the management API.

Each process has its own listener, as the extension has. It lives longer than the public one: a
function that is being finished while the host ends may still start or signal something. Its path
holds a secret, so that no other user of the machine and no page in a browser can act through it.
"""

import asyncio
import secrets

import uvicorn
from uvicorn.server import ServerState

from funchost.durable.api.messages import send_response
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
        self._prefix = f"/{self._secret}/durabletask/"
        self._state = ServerState()
        self._opening = asyncio.Lock()
        self._server: asyncio.Server | None = None

    async def open(self) -> str:
        """The address, with a slash at its end. Listens from the first call on."""
        async with self._opening:
            if self._server is None:
                self._server = await self._listen()
        port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}{self._prefix}"

    async def _listen(self) -> asyncio.Server:
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
        return await asyncio.get_running_loop().create_server(
            lambda: HostProtocol(config=config, server_state=self._state, app_state={}),
            "127.0.0.1",
            0,
        )

    async def close(self) -> None:
        """Returns when the requests under way have been answered."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["raw_path"].startswith(self._prefix.encode()):
            response = Response(404, [], b"")
        else:
            exchange = Exchange(scope, receive, send, read_headers(scope["headers"]), "")
            try:
                response = await self._api.answer(exchange, _BASE_SEGMENTS, is_public=False)
            except BadRequestError as error:
                response = Response(error.status, [], b"")
            except ClientGoneError:
                return
        await send_response(send, response)
