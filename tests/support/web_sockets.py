"""AMQP over WebSockets, as Service Bus takes it in at `/$servicebus/websocket`, handed on to a
broker's TCP port: https://docs.oasis-open.org/amqp-bindmap/amqp-wsb/v1.0/amqp-wsb-v1.0.html"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import WSMsgType, web

_PATH = "/$servicebus/websocket"
_CHUNK = 64 * 1024


@asynccontextmanager
async def web_socket_bridge(broker_port: int) -> AsyncIterator[int]:
    """The port at which it listens, without TLS."""

    async def bridge(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=["AMQPWSB10"], max_msg_size=0)
        await socket.prepare(request)
        assert socket.ws_protocol == "AMQPWSB10"
        reader, writer = await asyncio.open_connection("127.0.0.1", broker_port)

        async def answers() -> None:
            while data := await reader.read(_CHUNK):
                await socket.send_bytes(data)
            await socket.close()

        answering = asyncio.create_task(answers())
        try:
            async for message in socket:
                assert message.type is WSMsgType.BINARY, "AMQP goes in binary frames"
                writer.write(message.data)
                await writer.drain()
        finally:
            answering.cancel()
            writer.close()
        return socket

    app = web.Application()
    app.router.add_get(_PATH, bridge)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
