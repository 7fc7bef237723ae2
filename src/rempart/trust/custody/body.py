"""The format of bodies: FLOE with 256 KiB of plaintext a segment; pure, no I/O.

Specified in docs/spec/body.md. A body of n bytes has max(1, ceil(n / 256 KiB)) segments, the last
one final and, unless the body is empty, not empty. No byte leaves before its segment authenticated,
and a segment opens only at its own place in its own message.
"""

from __future__ import annotations

from collections.abc import Iterator

from rempart.core.clock import Random, system_random
from rempart.core.errors import invariant
from rempart.core.limits import KIB
from rempart.trust.custody import floe
from rempart.trust.custody.errors import Tampered
from rempart.trust.custody.floe import Buffer

HEADER_BYTES = floe.HEADER_BYTES
KEY_BYTES = floe.KEY_BYTES
SEGMENT_PLAIN_BYTES = 256 * KIB
SEGMENT_SEALED_BYTES = SEGMENT_PLAIN_BYTES + floe.SEGMENT_OVERHEAD_BYTES
FORMAT = floe.Parameters(SEGMENT_SEALED_BYTES)


def sealed_length(plain_length: int) -> int:
    """Return the length of a sealed body, header included."""
    segments = _segment_count(plain_length)
    return HEADER_BYTES + plain_length + segments * floe.SEGMENT_OVERHEAD_BYTES


def seal(key: bytes, context: bytes, plain: Buffer, random: Random = system_random) -> bytes:
    """Return the whole sealed body."""
    if memoryview(plain).nbytes <= SEGMENT_PLAIN_BYTES:
        message, header = floe.start(FORMAT, key, context, random)
        return b"".join((header, *message.seal(plain, 0, random, final=True)))
    sealer = Sealer(key, context, random)
    return b"".join((sealer.header(), *sealer.update(plain), sealer.finish()))


def open_(key: bytes, context: bytes, sealed: Buffer) -> bytes:
    """Return the plaintext of a whole sealed body, or raise `Tampered`."""
    view = memoryview(sealed)
    header, body = bytes(view[:HEADER_BYTES]), view[HEADER_BYTES:]
    if body.nbytes <= SEGMENT_SEALED_BYTES:
        return floe.resume(FORMAT, key, context, header).open(body, 0, final=True)
    segments = -(-body.nbytes // SEGMENT_SEALED_BYTES)
    plain_length = body.nbytes - segments * floe.SEGMENT_OVERHEAD_BYTES
    # A length that no body has is refused by `open`: its span is another.
    return Opener(key, context, header, plain_length).open(0, plain_length, body)


class Sealer:
    """Seals one body as it arrives, holding back at most one segment."""

    __slots__ = ("_closed", "_header", "_held", "_message", "_position", "_random")

    def __init__(self, key: bytes, context: bytes, random: Random = system_random) -> None:
        self._message, self._header = floe.start(FORMAT, key, context, random)
        self._random = random
        self._position = 0
        self._held = bytearray()
        self._closed = False

    def header(self) -> bytes:
        """Return the first bytes of the sealed body."""
        return self._header

    def update(self, data: Buffer) -> list[bytes]:
        """Take in the next plaintext and return the sealed bytes ready so far, in pieces."""
        invariant(not self._closed, "a finished body takes no more bytes")
        pieces: list[bytes] = []
        view = memoryview(data).cast("B")
        at = self._fill(view, pieces)
        # A segment is sealed only once a byte beyond it is known: until then it may be the final.
        while view.nbytes - at > SEGMENT_PLAIN_BYTES:
            self._seal(view[at : at + SEGMENT_PLAIN_BYTES], pieces)
            at += SEGMENT_PLAIN_BYTES
        self._held += view[at:]
        return pieces

    def finish(self) -> bytes:
        """Return the final segment; the body is whole."""
        invariant(not self._closed, "a body is finished once")
        self._closed = True
        return b"".join(self._message.seal(self._held, self._position, self._random, final=True))

    def _fill(self, view: memoryview, pieces: list[bytes]) -> int:
        """Complete the held segment, seal it if more follows, and return how much was taken."""
        taken = min(SEGMENT_PLAIN_BYTES - len(self._held), view.nbytes) if self._held else 0
        self._held += view[:taken]
        if self._held and taken < view.nbytes:
            self._seal(self._held, pieces)
            self._held = bytearray()
        return taken

    def _seal(self, plain: Buffer, pieces: list[bytes]) -> None:
        pieces += self._message.seal(plain, self._position, self._random, final=False)
        self._position += 1


class Opener:
    """Opens any range of one sealed body.

    `plain_length` must come from authenticated metadata: it decides which segment is the final one,
    so a body that was cut or extended does not open. Raises `Tampered` where the header does not
    commit to this key and context.
    """

    __slots__ = ("_last", "_message", "plain_length")

    def __init__(self, key: bytes, context: bytes, header: bytes, plain_length: int) -> None:
        self._message = floe.resume(FORMAT, key, context, header)
        self._last = _segment_count(plain_length) - 1
        self.plain_length = plain_length

    def segments(self, start: int, stop: int) -> range:
        """Return the indexes of the segments that hold the plaintext from `start` to `stop`."""
        invariant(0 <= start <= stop <= self.plain_length, "a range outside of the body")
        first = min(start // SEGMENT_PLAIN_BYTES, self._last)
        return range(first, max(first, (stop - 1) // SEGMENT_PLAIN_BYTES) + 1)

    def spans(self, start: int, stop: int, bytes_max: int) -> Iterator[tuple[int, int]]:
        """Cut a plaintext range where segments end, so that reading it opens none of them twice."""
        step = max(bytes_max // SEGMENT_PLAIN_BYTES, 1) * SEGMENT_PLAIN_BYTES
        while start < stop:
            border = min(start - start % SEGMENT_PLAIN_BYTES + step, stop)
            yield start, border
            start = border

    def sealed_span(self, start: int, stop: int) -> tuple[int, int]:
        """Return offset and length of the sealed bytes that `open` needs for a plaintext range."""
        return self._sealed_span(self.segments(start, stop))

    def open(self, start: int, stop: int, sealed: Buffer) -> bytes:
        """Return the plaintext from `start` to `stop`, given the bytes of its `sealed_span`."""
        pieces = self.open_pieces(start, stop, sealed)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def open_pieces(self, start: int, stop: int, sealed: Buffer) -> list[bytes]:
        """Like `open`, a piece for each segment: spares a copy where pieces are sent anyway."""
        view = memoryview(sealed)
        wanted = self.segments(start, stop)
        if view.nbytes != self._sealed_span(wanted)[1]:
            raise Tampered
        pieces = [
            self.open_segment(
                index, view[at * SEGMENT_SEALED_BYTES : (at + 1) * SEGMENT_SEALED_BYTES]
            )
            for at, index in enumerate(wanted)
        ]
        # The end first: where one segment holds both, its start is still where it was.
        pieces[-1] = pieces[-1][: stop - wanted[-1] * SEGMENT_PLAIN_BYTES]
        pieces[0] = pieces[0][start - wanted[0] * SEGMENT_PLAIN_BYTES :]
        return pieces

    def open_segment(self, index: int, sealed: Buffer) -> bytes:
        """Return one segment's plaintext, or raise `Tampered`."""
        view = memoryview(sealed)
        if not 0 <= index <= self._last or view.nbytes != self._sealed_size(index):
            raise Tampered
        return self._message.open(view, index, final=index == self._last)

    def _sealed_span(self, wanted: range) -> tuple[int, int]:
        length = (len(wanted) - 1) * SEGMENT_SEALED_BYTES + self._sealed_size(wanted[-1])
        return HEADER_BYTES + wanted[0] * SEGMENT_SEALED_BYTES, length

    def _sealed_size(self, index: int) -> int:
        plain = min(SEGMENT_PLAIN_BYTES, self.plain_length - index * SEGMENT_PLAIN_BYTES)
        return plain + floe.SEGMENT_OVERHEAD_BYTES


def _segment_count(plain_length: int) -> int:
    return max(1, -(-plain_length // SEGMENT_PLAIN_BYTES))
