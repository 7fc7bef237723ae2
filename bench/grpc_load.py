"""Many small gRPC requests by Google's own library, which costs about what the server does.

So its rates are a floor: what one Python client gets, over TLS, on one connection.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import grpc

from bench.universe import Broken


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server listens, whose certificates are trusted, and the bearer token."""

    port: int
    authority: bytes
    token: str


@dataclass(frozen=True, slots=True)
class Request:
    """A method's path and its encoded request."""

    method: str
    content: bytes


def rate(place: Place, request: Request, in_flight: int, seconds: float) -> float:
    """Return answers per second."""
    return asyncio.run(_rate(place, request, in_flight, seconds))


async def _rate(place: Place, request: Request, in_flight: int, seconds: float) -> float:
    trusted = grpc.ssl_channel_credentials(place.authority)
    async with grpc.aio.secure_channel(f"localhost:{place.port}", trusted) as channel:
        call = channel.unary_unary(request.method)
        metadata = (("authorization", f"Bearer {place.token}"),)

        async def ask_until(end: float) -> int:
            count = 0
            while time.perf_counter() < end:
                try:
                    await call(request.content, metadata=metadata, timeout=20)
                except grpc.aio.AioRpcError as problem:
                    raise Broken(f"{request.method}: {problem.details()}") from problem
                count += 1
            return count

        await ask_until(time.perf_counter())
        begun = time.perf_counter()
        counts = await asyncio.gather(*(ask_until(begun + seconds) for _ in range(in_flight)))
        return sum(counts) / (time.perf_counter() - begun)
