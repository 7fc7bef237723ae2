"""Asks several witnesses for their cosignatures of a checkpoint (C2SP tlog-witness), all at once.

A witness that is slow, offline or wrong costs no more than the time given; what it did is told, and
the others' cosignatures are returned. Nothing is believed that is not signed: a cosignature counts
when it holds under the key that the witness was named with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum

from rempart.outbound import Answer, Question, Unfetched, ask
from rempart.tlog.checkpoint import Checkpoint, parse_checkpoint
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.keys import VerifierKey
from rempart.tlog.note import Note, Verified, parse_signatures
from rempart.tlog.proving import Proof
from rempart.tlog.submission import PATH, Submission
from rempart.tlog.text import decimal

SECONDS_MAX = 5.0
"""Given to all witnesses together, unless the caller gives less."""

GRACE_SECONDS = 0.1
"""Given to the others once enough have answered."""

ANSWER_BYTES_MAX = 64 * 1024
WITNESSES_MAX = 32
_OK, _UNKNOWN, _CONFLICT, _UNPROVED = 200, 404, 409, 422
_WORDS_MAX = 200
_SILENT = "did not answer in time. See to the network, and to firewalls between."

Prove = Callable[[int], Awaitable[Proof]]
"""Return the consistency proof from a size, which is not above the checkpoint's, to it."""

Enough = Callable[[frozenset[VerifierKey]], bool]
"""Tell whether these keys' cosignatures are all that is needed (`Policy.satisfied`)."""


class Fault(Enum):
    """What a witness did in place of cosigning."""

    OFFLINE = "offline"
    """It cannot be reached, or did not answer in time."""

    LATE = "late"
    """Enough others had answered before it did."""

    REFUSED = "refused"
    """It answered that it will not; the message says how."""

    UNKNOWN = "unknown"
    """It does not know this log, or its address leads elsewhere."""

    AHEAD = "ahead"
    """It has cosigned a larger tree of this log: the log was rolled back, or forked."""

    FORKED = "forked"
    """It has cosigned another root of this very size, or a tree that this one does not continue:
    the log was forked, or rolled back and written on."""

    FALSE = "false"
    """Its answer is no true cosignature of its named key."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A witness: the keys that it was named with, and its submission prefix.

    `authority` is a PEM that its certificate is checked against, or its very certificate; empty for
    the authorities that this machine trusts.
    """

    keys: tuple[VerifierKey, ...]
    url: str
    authority: str = ""

    @property
    def name(self) -> str:
        """Return the name of its keys."""
        return self.keys[0].name


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no cosignature of a witness. `size` is what it says it cosigned last."""

    witness: Endpoint
    fault: Fault
    message: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Cosigned:
    """What the witnesses gave, and what each of the others did."""

    cosignatures: tuple[Verified, ...]
    failures: tuple[Failure, ...]

    def on(self, note: Note) -> Note:
        """Return the note with the cosignatures."""
        return note.with_signatures(it.signature for it in self.cosignatures)


class _Failed(Exception):  # noqa: N818 - it never leaves this file
    def __init__(self, fault: Fault, message: str, size: int | None = None) -> None:
        self.fault = fault
        self.message = message
        self.size = size


class Witnesses:
    """The witnesses of one log. It remembers which size each of them cosigned last."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._endpoints = tuple(endpoints)[:WITNESSES_MAX]
        self._sizes: dict[Endpoint, int] = {}
        self._busy: set[Endpoint] = set()
        self._threads = ThreadPoolExecutor(WITNESSES_MAX, thread_name_prefix="witness")

    async def cosign(
        self,
        note: Note,
        prove: Prove,
        *,
        enough: Enough | None = None,
        seconds: float = SECONDS_MAX,
    ) -> Cosigned:
        """Have a signed checkpoint cosigned; returns once all answered, or enough, or in time.

        Cosignatures that come later are lost, and had again by the next call.
        """
        seen = parse_checkpoint(note.text)
        asked = {
            asyncio.create_task(self._ask(it, note, seen, prove), name=f"witness {it.name}"): it
            for it in self._endpoints
        }
        late = await _wait(set(asked), enough, seconds)
        cosignatures: list[Verified] = []
        failures: list[Failure] = []
        for task, endpoint in asked.items():
            if not task.done():
                task.cancel()
                failures.append(_unanswered(endpoint, late=late))
                continue
            answer = task.result()
            if isinstance(answer, Failure):
                failures.append(answer)
            else:
                cosignatures += answer
        return Cosigned(tuple(cosignatures), tuple(failures))

    def close(self) -> None:
        """Ask nobody any more; questions under way end by themselves within seconds."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ask(
        self, endpoint: Endpoint, note: Note, seen: Checkpoint, prove: Prove
    ) -> tuple[Verified, ...] | Failure:
        try:
            return await self._cosigned(endpoint, note, seen, prove)
        except _Failed as failed:
            return Failure(endpoint, failed.fault, failed.message, failed.size)

    async def _cosigned(
        self, endpoint: Endpoint, note: Note, seen: Checkpoint, prove: Prove
    ) -> tuple[Verified, ...]:
        old = min(self._sizes.get(endpoint, 0), seen.size)
        answer = await self._submit(endpoint, Submission(old, await prove(old), note))
        if answer.status == _CONFLICT:
            old = _told(answer, seen, old)
            answer = await self._submit(endpoint, Submission(old, await prove(old), note))
            if answer.status == _CONFLICT:
                _told(answer, seen, old)
                raise _Failed(Fault.REFUSED, "It contradicts itself about the size it knows.")
        if answer.status == _UNPROVED:
            # The proof is one of our own tree, so the witness knows another.
            raise _Failed(Fault.FORKED, f"It has cosigned another tree of {old} leaves.", old)
        if answer.status != _OK:
            fault = Fault.UNKNOWN if answer.status == _UNKNOWN else Fault.REFUSED
            raise _Failed(fault, f"It answered {answer.status}{_words(answer.text)}")
        verified = _verified(endpoint, note, answer)
        self._sizes[endpoint] = seen.size
        return verified

    async def _submit(self, endpoint: Endpoint, submission: Submission) -> Answer:
        if endpoint in self._busy:
            raise _Failed(Fault.OFFLINE, "It has not answered the question before.")
        question = Question(
            endpoint.url.rstrip("/") + PATH,
            verb="POST",
            headers={"Content-Type": "text/plain; charset=utf-8"},
            body=submission.encode(),
        )
        self._busy.add(endpoint)
        future = asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: ask(question, endpoint.authority, bytes_max=ANSWER_BYTES_MAX)
        )
        # The thread goes on when nobody waits any more; only its end makes way for another.
        future.add_done_callback(lambda done: self._ended(endpoint, done))
        try:
            return await asyncio.shield(future)
        except Unfetched as problem:
            raise _Failed(Fault.OFFLINE, f"{problem}.") from None

    def _ended(self, endpoint: Endpoint, done: asyncio.Future[Answer]) -> None:
        self._busy.discard(endpoint)
        if not done.cancelled():
            done.exception()  # read here: who asked may have gone


async def _wait(
    tasks: set[asyncio.Task[tuple[Verified, ...] | Failure]], enough: Enough | None, seconds: float
) -> bool:
    """Wait for answers; tell whether enough came, so that who is missing is merely late."""
    wanted = enough is not None
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    pending = tasks
    while pending and (left := until - loop.time()) > 0:
        _, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if enough is not None and enough(_keys(tasks - pending)):
            until, enough = min(until, loop.time() + GRACE_SECONDS), None
    return wanted and enough is None


def _unanswered(endpoint: Endpoint, *, late: bool) -> Failure:
    if late:
        return Failure(endpoint, Fault.LATE, "Enough others had answered before it did.")
    return Failure(endpoint, Fault.OFFLINE, f"{endpoint.url} {_SILENT}")


def _keys(
    tasks: Iterable[asyncio.Task[tuple[Verified, ...] | Failure]],
) -> frozenset[VerifierKey]:
    answers = [task.result() for task in tasks]
    return frozenset(
        it.key for answer in answers if not isinstance(answer, Failure) for it in answer
    )


def _words(text: str) -> str:
    """Return a stranger's words as the end of a sentence: nothing that a terminal would act on."""
    words = "".join(it if it.isprintable() else " " for it in text[:_WORDS_MAX]).split()
    return f": {' '.join(words).removesuffix('.')}." if words else "."


def _told(answer: Answer, seen: Checkpoint, old: int) -> int:
    """Return the size that a conflict tells to prove from; raises where there is no proof."""
    try:
        size = decimal(answer.text.removesuffix("\n"))
    except Malformed:
        raise _Failed(Fault.FALSE, "It tells of a conflict, and not of which size.") from None
    if size > seen.size:
        raise _Failed(Fault.AHEAD, f"It has cosigned a tree of {size} leaves already.", size)
    if size == old == seen.size:
        raise _Failed(Fault.FORKED, f"It has cosigned another root of size {size}.", size)
    return size


def _verified(endpoint: Endpoint, note: Note, answer: Answer) -> tuple[Verified, ...]:
    try:
        return Note(note.text, parse_signatures(answer.text)).opened(endpoint.keys)
    except (Malformed, Refuted) as problem:
        raise _Failed(Fault.FALSE, str(problem)) from None
