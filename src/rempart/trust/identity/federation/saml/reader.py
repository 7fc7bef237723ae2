"""Has documents of strangers read, each in a process of its own that holds nothing of the universe.

An XML parser is much code in C, and signatures over XML need one before they can be verified. Few
such processes run at a time, and few callers wait for one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys

import msgspec

from rempart.core.errors import Bug
from rempart.trust.identity.federation.refusal import Refused
from rempart.trust.identity.federation.saml.facts import (
    DOCUMENT_BYTES_MAX,
    Answer,
    Assertion,
    Metadata,
    Question,
)

READERS_MAX = 2
WAITING_MAX = 32
READING_SECONDS_MAX = 10.0
ANSWER_BYTES_MAX = 1024 * 1024
_PIECE = 64 * 1024
_PROGRAM = "rempart.trust.identity.federation.saml.reading"
_log = logging.getLogger(__name__)


class Reader:
    """Starts reading processes; raises `Refused` with what is wrong with a document."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(READERS_MAX)
        self._waiting = 0
        self._last: tuple[bytes, Metadata] | None = None

    async def assertion(
        self, document: bytes, certificates: tuple[bytes, ...], now: int
    ) -> Assertion:
        """Return what one of the certificates proves of a response, at `now` in seconds."""
        answer = await self._read(Question(document, certificates, now))
        if not certificates or answer.assertion is None:
            raise Refused(f"The SAML response is not taken: {answer.refused or 'it has no keys'}.")
        return answer.assertion

    async def metadata(self, document: bytes) -> Metadata:
        """Return what an identity provider's metadata say; a call may ask twice of the same."""
        if self._last is not None and self._last[0] == document:
            return self._last[1]
        answer = await self._read(Question(document))
        if answer.metadata is None:
            raise Refused(f"The metadata is not taken: {answer.refused}.")
        self._last = (document, answer.metadata)
        return answer.metadata

    async def _read(self, question: Question) -> Answer:
        if len(question.document) > DOCUMENT_BYTES_MAX:
            raise Refused(f"The SAML document has more than {DOCUMENT_BYTES_MAX} bytes.")
        if self._waiting >= WAITING_MAX:
            raise Refused("Too many SAML documents wait to be read. Try again.")
        self._waiting += 1
        try:
            async with self._free:
                return await _ask(question)
        finally:
            self._waiting -= 1


async def _ask(question: Question) -> Answer:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", _PROGRAM),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd="/",
        env={},
    )
    try:
        async with asyncio.timeout(READING_SECONDS_MAX):
            told = await _told(process, msgspec.msgpack.encode(question))
        return msgspec.msgpack.decode(told, type=Answer)
    except (TimeoutError, msgspec.DecodeError) as problem:
        _log.warning("a SAML document could not be read: the process ended %s", process.returncode)
        raise Refused("The SAML document cannot be read.") from problem
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _told(process: asyncio.subprocess.Process, question: bytes) -> bytes:
    """Return all that a process says, cut off where it says more than an answer can be."""
    if process.stdin is None or process.stdout is None:
        raise Bug("a reading process has pipes")
    with contextlib.suppress(ConnectionError):
        process.stdin.write(question)
        await process.stdin.drain()
    process.stdin.close()
    told = bytearray()
    while len(told) <= ANSWER_BYTES_MAX and (piece := await process.stdout.read(_PIECE)):
        told += piece
    return bytes(told[:ANSWER_BYTES_MAX])
