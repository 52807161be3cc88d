"""Addresses of pods and Services, and the names that lead to them."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count

BUFFER = 1 << 16
_numbers = count(2)

Address = tuple[str, int]
Backends = Callable[[], Sequence[Address]]


def new_address() -> str:
    """Give an address of this machine that nobody has: all of 127.0.0.0/8 are its own."""
    number = next(_numbers)
    return f"127.77.{number // 250}.{number % 250 + 1}"


class Forwarder:
    """What stands behind the address of a Service: connections go to its backends by turns.

    Args:
        address: to listen on.
        backends: gives those that are ready; without one, a connection is closed at once.
    """

    def __init__(self, address: Address, backends: Backends) -> None:
        self._address, self._backends, self._turn = address, backends, count()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def close(self) -> None:
        """Listen no more, and drop what is connected."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        connected = asyncio.all_tasks() - {asyncio.current_task()}
        for task in connected:
            task.cancel()
        await asyncio.gather(*connected, return_exceptions=True)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, *self._address)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        backends = self._backends()
        if not backends:
            writer.close()
            return
        chosen = backends[next(self._turn) % len(backends)]
        try:
            # Whoever closes this cancels what is connected, which no error is made of.
            with suppress(OSError, asyncio.CancelledError):
                inner_reader, inner_writer = await asyncio.open_connection(*chosen)
                await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
        finally:
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError):
            while data := await reader.read(BUFFER):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()
