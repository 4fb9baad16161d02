"""Clients that send at a given rate, whether or not they are answered, as the world does."""

import asyncio
import json
import time
from typing import NamedTuple

from node import HOST


class Answer(NamedTuple):
    line: str  # what was to be inserted
    status: int
    headers: dict
    seconds: float  # until it came


class OpenLoad:
    """Sends queued inserts of lines, each by a client of its own that keeps its connection for the
    next one."""

    def __init__(self, node, rate, timeout, sql):
        self._port = node.port
        self._rate = rate
        self._timeout = timeout
        self._sql = sql
        self._idle = []
        self.answers = []

    def run(self, seconds):
        asyncio.run(self._run(seconds))

    async def _run(self, seconds):
        began = time.monotonic()
        on_their_way = []
        n = 0
        while (due := n / self._rate) < seconds:
            await asyncio.sleep(max(0, began + due - time.monotonic()))
            flags = ("", "&wait")[n % 2]
            on_their_way.append(asyncio.create_task(self._send(str(n), flags)))
            n += 1
        await asyncio.gather(*on_their_way)
        for _, writer in self._idle:
            writer.close()

    async def _send(self, line, flags):
        body = json.dumps([[self._sql, line]])
        began = time.monotonic()
        reader, writer = (self._idle.pop() if self._idle else
                          await asyncio.open_connection(HOST, self._port))
        writer.write(f"POST /db/execute?queue&timeout={self._timeout}ms{flags} HTTP/1.1\r\n"
                     f"Host: load\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        await reader.readexactly(int(headers["Content-Length"]))
        self._idle.append((reader, writer))
        self.answers.append(
            Answer(line, int(head[0].split()[1]), headers, time.monotonic() - began))
