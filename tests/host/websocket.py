"""A websocket client of the standard library alone, as much of RFC 6455 as listening to ComfyUI needs."""

from __future__ import annotations

import base64
import os
import socket
import struct
import time

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class WebSocket:
    """A connection to `ws://127.0.0.1:port/path`; `receive` gives str or bytes messages."""

    def __init__(self, port: int, path: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._buffer = b""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        if b" 101 " not in head.splitlines()[0]:
            raise ConnectionError(f"The server did not open a websocket: {head[:200]!r}")

    def send(self, message: str) -> None:
        """Send one text message."""
        self._frame(TEXT, message.encode())

    def receive(self, timeout: float) -> str | bytes:
        """The next message; TimeoutError when none comes within `timeout` seconds."""
        end = time.monotonic() + timeout
        whole, kind = b"", TEXT
        while True:
            final, opcode, payload = self._read_frame(end)
            if opcode == PING:
                self._frame(PONG, payload)
            elif opcode == CLOSE:
                raise ConnectionError("The server closed the websocket.")
            elif opcode != PONG:
                kind = opcode or kind
                whole += payload
                if final:
                    return whole.decode() if kind == TEXT else whole

    def close(self) -> None:
        self._socket.close()

    def _read_frame(self, end: float) -> tuple[bool, int, bytes]:
        first, second = self._exactly(2, end)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", self._exactly(2, end))
        elif length == 127:
            (length,) = struct.unpack(">Q", self._exactly(8, end))
        return bool(first & 0x80), first & 0x0F, self._exactly(length, end)

    def _exactly(self, count: int, end: float) -> bytes:
        while len(self._buffer) < count:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            self._buffer += self._more()
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _more(self) -> bytes:
        data = self._socket.recv(1 << 16)
        if not data:
            raise ConnectionError("The server closed the connection.")
        return data

    def _frame(self, opcode: int, payload: bytes) -> None:
        mask = os.urandom(4)
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else struct.pack(">BH", 0x80 | 126, size)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self._socket.sendall(bytes([0x80 | opcode]) + length + mask + masked)
