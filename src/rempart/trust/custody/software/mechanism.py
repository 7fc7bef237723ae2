"""The protection level SOFTWARE: keys are bytes in this process, and their reference is the key."""

from __future__ import annotations

import asyncio

from typing_extensions import override

from rempart.core.clock import Random
from rempart.trust.custody.mechanism import LocalKey, Mechanism, UseContext, inline
from rempart.trust.custody.software.algorithms import Algorithm
from rempart.trust.custody.software.material import generate, load


class Software(Mechanism):
    """Symmetric keys work at once, on the event loop; asymmetric ones, which take long, in threads.

    The threads are the event loop's own, whose number is bounded.
    """

    lasting = False

    def __init__(self, random: Random) -> None:
        self._random = random

    @override
    def lacks(self, algorithm: Algorithm) -> str:
        return algorithm.unavailable

    @override
    async def generate(self, algorithm: Algorithm, context: UseContext, backend: str = "") -> bytes:
        return await asyncio.to_thread(generate, algorithm, self._random)

    @override
    async def take(self, algorithm: Algorithm, material: bytes, context: UseContext) -> bytes:
        return material

    @override
    def open(self, algorithm: Algorithm, reference: bytes) -> LocalKey:
        run = asyncio.to_thread if algorithm.asymmetric else inline
        return LocalKey(load(algorithm, reference), run)

    @override
    async def destroy(self, algorithm: Algorithm, reference: bytes, context: UseContext) -> None:
        """Do nothing: the reference is all there is, and its keeper drops it."""

    @override
    async def random(self, count: int) -> bytes:
        return self._random(count)
