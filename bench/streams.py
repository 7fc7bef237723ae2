"""Large bodies: one blocking socket a stream, one buffer that is sent or filled again and again."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from bench.load import LENGTH, Place
from bench.universe import Broken

BUFFER_BYTES = 1 << 20
TIMEOUT_SECONDS = 300.0
_BUFFER = memoryview(os.urandom(BUFFER_BYTES))


def upload(place: Place, heads: Sequence[bytes], size: int) -> float:
    """Send one body of `size` bytes a head, all at once; return bytes per second in all."""
    return _together(lambda head: _upload(place, head, size), heads, size)


def download(place: Place, heads: Sequence[bytes], size: int) -> float:
    """Fetch one body of `size` bytes a head, all at once; return bytes per second in all."""
    return _together(lambda head: _download(place, head, size), heads, size)


def _together(work: Callable[[bytes], None], heads: Sequence[bytes], size: int) -> float:
    with ThreadPoolExecutor(len(heads)) as threads:
        begun = time.perf_counter()
        for _ in threads.map(work, heads):
            pass
        return len(heads) * size / (time.perf_counter() - begun)


def _connect(place: Place) -> socket.socket:
    plain = socket.create_connection((place.host, place.port), timeout=TIMEOUT_SECONDS)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return place.tls.wrap_socket(plain, server_hostname="localhost") if place.tls else plain


def _upload(place: Place, head: bytes, size: int) -> None:
    with _connect(place) as connection:
        connection.sendall(head)
        for at in range(0, size, BUFFER_BYTES):
            connection.sendall(_BUFFER[: min(BUFFER_BYTES, size - at)])
        answer = connection.recv(65536)
    if answer[9:10] != b"2":
        raise Broken(f"an upload was answered {answer[:200].decode(errors='replace')}")


def _download(place: Place, head: bytes, size: int) -> None:
    room = memoryview(bytearray(BUFFER_BYTES))
    with _connect(place) as connection:
        connection.sendall(head)
        got, head_bytes = 0, b""
        while (end := head_bytes.find(b"\r\n\r\n")) < 0:
            head_bytes += connection.recv(65536)
        length = LENGTH.search(head_bytes)
        if head_bytes[9:12] != b"200" or length is None or int(length[1]) != size:
            raise Broken(f"a download was answered {head_bytes[:200].decode(errors='replace')}")
        got = len(head_bytes) - end - 4
        while got < size:
            more = connection.recv_into(room)
            if not more:
                raise Broken(f"a download ended after {got} of {size} bytes")
            got += more
