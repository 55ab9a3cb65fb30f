"""A broker with its listener, as a process of its own: `broker_process.py FOLDER ENTITIES PORT`.

It runs on uvloop, as the host does, unless `PLAIN_LOOP` is set.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from funchost.servicebus.amqp.codec import AmqpMessageCodec
from funchost.servicebus.amqp.server import AmqpServer
from funchost.servicebus.broker.hosting import open_broker
from funchost.servicebus.broker.namespace_file import read_namespace


async def serve(folder: Path, entities: Path, port: int) -> None:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    broker = await open_broker(folder, read_namespace(entities), AmqpMessageCodec())
    server = AmqpServer(broker, port=port)
    await server.start()
    sys.stdout.write(f"listening on {server.port}\n")
    sys.stdout.flush()
    await ending.wait()
    await server.close()
    await broker.stop()


if __name__ == "__main__":
    work = serve(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    if "PLAIN_LOOP" in os.environ:
        asyncio.run(work)
    else:
        import uvloop

        uvloop.run(work)
