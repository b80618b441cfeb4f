"""A network between a client and a server that can be cut, slow, or break connections half-way."""

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

_PIECE = 16_384
_LINGER_NOT = struct.pack("ii", 1, 0)  # a close that is a reset


@dataclass(frozen=True)
class Network:
    """How the connections behave that are there, and those to come."""

    cut: bool = False  # nothing gets through, and nobody is told
    delay_s: float = 0  # of each piece, in both directions
    reset_after: int = 0  # bytes at most until a connection is reset, amid a piece; 0: never
    lose: bytes = b""  # an answer that is lost, and the connection with it
    lose_share: float = 0  # of such answers


FINE = Network()


class Proxy:
    """Listens on loopback and carries bytes to `upstream`, a port asked for at each connection."""

    def __init__(self, upstream: Callable[[], int], chance: random.Random) -> None:
        """Listen; a thread of its own carries."""
        self._upstream = upstream
        self._chance = chance
        self._network = FINE
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = listener.getsockname()[1]
        self.resets = 0  # connections broken so far
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listener, ready), daemon=True)
        self._thread.start()
        ready.wait()

    def set(self, network: Network) -> None:
        """Make the network so, from now on."""
        self._loop.call_soon_threadsafe(self._set, network)

    def close(self) -> None:
        """End it and all connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _set(self, network: Network) -> None:
        self._network = network
        self._changed.set()
        self._changed = asyncio.Event()

    def _run(self, listener: socket.socket, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, sock=listener))
        ready.set()
        self._loop.run_forever()
        server.close()
        for writer in [*self._writers]:
            writer.transport.abort()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
            self._loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        try:
            await self._passage()
            there, back = await asyncio.open_connection("127.0.0.1", self._upstream())
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, back}
        self._writers |= pair
        left = [self._chance.randrange(1, self._network.reset_after or 2)]
        ways = [(reader, back, left), (there, writer, left)]
        carried = [asyncio.ensure_future(self._carry(*way)) for way in ways]
        try:
            await asyncio.wait(carried, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in carried:
                task.cancel()
            self._writers -= pair
            for one in pair:
                one.close()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: list[int]
    ) -> None:
        """One direction, until either end closes."""
        try:
            while piece := await reader.read(_PIECE):
                if self._network.delay_s:
                    await asyncio.sleep(self._network.delay_s)
                await self._passage()
                if self._is_lost(piece):
                    await self._break(writer, b"")
                    return
                if self._network.reset_after and len(piece) >= left[0]:
                    half_way = left[0] if 0 < left[0] < len(piece) else len(piece) // 2
                    await self._break(writer, piece[:half_way])
                    return
                left[0] -= len(piece)
                writer.write(piece)
                await writer.drain()
        except OSError:
            return

    def _is_lost(self, piece: bytes) -> bool:
        lost = self._network.lose
        return bool(lost) and lost in piece and self._chance.random() < self._network.lose_share

    async def _break(self, writer: asyncio.StreamWriter, last: bytes) -> None:
        """Send what still gets through, and then a reset."""
        self.resets += 1
        writer.write(last)
        await writer.drain()
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        writer.transport.abort()

    async def _passage(self) -> None:
        """Return when the network is not cut."""
        while self._network.cut:
            await self._changed.wait()
