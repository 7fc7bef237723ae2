"""The body format: what is sealed opens, whole, in any range, however it arrived."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rempart.core.errors import Bug
from rempart.trust.custody import body, floe

_FILE = Path(__file__).parents[3] / "docs/spec/vectors/body.json"
OURS: dict[str, Any] = json.loads(_FILE.read_text())
KEY, CONTEXT = bytes(range(32)), b"storage/project/bucket/object/1"
SEGMENT = body.SEGMENT_PLAIN_BYTES
BORDERS = (0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 2 * SEGMENT + 1, 3 * SEGMENT)
lengths = st.one_of(st.sampled_from(BORDERS), st.integers(0, 5000), st.integers(0, 4 * SEGMENT + 5))


def plaintext(length: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(length)


def draws(stream: bytes) -> Callable[[int], bytes]:
    """Return a random source that deals out the given bytes in order."""
    at = 0

    def draw(count: int) -> bytes:
        nonlocal at
        at += count
        return stream[at - count : at]

    return draw


@settings(deadline=None)
@given(length=lengths, seed=st.integers(0, 2**32))
def test_a_whole_body_comes_back(length: int, seed: int) -> None:
    plain = plaintext(length, seed)

    sealed = body.seal(KEY, CONTEXT, plain)

    assert len(sealed) == body.sealed_length(length)
    assert body.open_(KEY, CONTEXT, sealed) == plain


@settings(deadline=None)
@given(length=lengths, cuts=st.lists(st.integers(0, 4 * SEGMENT + 5), max_size=8))
def test_pieces_of_any_size_make_the_body_that_one_call_makes(length: int, cuts: list[int]) -> None:
    plain, stream = plaintext(length), plaintext(200, seed=1)
    borders = sorted({0, length, *(cut for cut in cuts if cut < length)})
    sealer = body.Sealer(KEY, CONTEXT, draws(stream))

    pieces = [sealer.header()]
    for start, stop in pairwise(borders):
        pieces += sealer.update(memoryview(plain)[start:stop])
    pieces.append(sealer.finish())

    assert b"".join(pieces) == body.seal(KEY, CONTEXT, plain, draws(stream))


def test_a_byte_at_a_time_across_a_border() -> None:
    plain = plaintext(SEGMENT + 2)
    sealer = body.Sealer(KEY, CONTEXT)
    pieces = [sealer.header(), *sealer.update(plain[: SEGMENT - 2])]

    for at in range(SEGMENT - 2, SEGMENT + 2):
        pieces += sealer.update(plain[at : at + 1])
    pieces.append(sealer.finish())

    assert body.open_(KEY, CONTEXT, b"".join(pieces)) == plain


def test_the_sealer_holds_back_at_most_one_segment() -> None:
    sealer = body.Sealer(KEY, CONTEXT)

    assert sum(map(len, sealer.update(bytes(SEGMENT)))) == 0
    assert sum(map(len, sealer.update(bytes(1)))) == body.SEGMENT_SEALED_BYTES
    assert sum(map(len, sealer.update(bytes(3 * SEGMENT)))) == 3 * body.SEGMENT_SEALED_BYTES


def test_the_caller_may_reuse_its_buffer() -> None:
    buffer = bytearray(b"first")
    sealer = body.Sealer(KEY, CONTEXT)
    pieces = [sealer.header(), *sealer.update(buffer)]
    buffer[:] = b"SECON"

    assert body.open_(KEY, CONTEXT, b"".join([*pieces, sealer.finish()])) == b"first"


@settings(deadline=None)
@given(length=lengths, data=st.data())
def test_any_range_is_that_slice_of_the_plaintext(length: int, data: st.DataObject) -> None:
    plain = plaintext(length)
    sealed = body.seal(KEY, CONTEXT, plain)
    start = data.draw(st.integers(0, length))
    stop = data.draw(st.integers(start, length))
    opener = body.Opener(KEY, CONTEXT, sealed[: body.HEADER_BYTES], length)

    offset, size = opener.sealed_span(start, stop)
    part = memoryview(sealed)[offset : offset + size]

    assert len(part) == size
    assert opener.open(start, stop, part) == plain[start:stop]
    assert b"".join(opener.open_pieces(start, stop, part)) == plain[start:stop]


@given(length=st.integers(0, 20 * SEGMENT), bytes_max=st.integers(1, 6 * SEGMENT), data=st.data())
def test_spans_cover_a_range_once_and_touch_no_segment_twice(
    length: int, bytes_max: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, length))
    stop = data.draw(st.integers(start, length))
    header = body.Sealer(KEY, CONTEXT).header()
    opener = body.Opener(KEY, CONTEXT, header, length)

    spans = list(opener.spans(start, stop, bytes_max))

    borders = [start, *(last for _, last in spans)]
    assert spans == list(pairwise(borders))
    assert borders[-1] == stop
    assert all(first < last <= first + max(bytes_max, SEGMENT) for first, last in spans)
    touched = [index for span in spans for index in opener.segments(*span)]
    assert len(touched) == len(set(touched))


def test_reading_by_spans_yields_the_range() -> None:
    plain = plaintext(9 * SEGMENT + 17)
    sealed = body.seal(KEY, CONTEXT, plain)
    opener = body.Opener(KEY, CONTEXT, sealed[: body.HEADER_BYTES], len(plain))

    got = b""
    for start, stop in opener.spans(1000, len(plain) - 3, 4 * SEGMENT):
        offset, size = opener.sealed_span(start, stop)
        got += opener.open(start, stop, sealed[offset : offset + size])

    assert got == plain[1000:-3]


def test_an_empty_body_is_still_authenticated() -> None:
    sealed = body.seal(KEY, CONTEXT, b"")
    opener = body.Opener(KEY, CONTEXT, sealed[: body.HEADER_BYTES], 0)

    assert opener.sealed_span(0, 0) == (body.HEADER_BYTES, floe.SEGMENT_OVERHEAD_BYTES)
    assert opener.open(0, 0, sealed[body.HEADER_BYTES :]) == b""


def test_no_two_seals_are_alike() -> None:
    assert len({body.seal(KEY, CONTEXT, b"same") for _ in range(100)}) == 100


def test_a_range_outside_of_the_body_and_use_after_the_end_are_bugs_of_ours() -> None:
    sealer = body.Sealer(KEY, CONTEXT)
    opener = body.Opener(KEY, CONTEXT, sealer.header(), 10)
    sealer.finish()

    for start, stop in ((0, 11), (-1, 2), (5, 4)):
        with pytest.raises(Bug):
            opener.sealed_span(start, stop)
    with pytest.raises(Bug):
        sealer.update(b"more")
    with pytest.raises(Bug):
        sealer.finish()


@pytest.mark.parametrize("vector", OURS["vectors"], ids=lambda vector: str(vector["length"]))
def test_the_bytes_on_disk_are_those_of_the_specification(vector: dict[str, Any]) -> None:
    key, context, stream = (bytes.fromhex(OURS[name]) for name in ("key", "context", "random"))
    plain = bytes(at % 251 for at in range(vector["length"]))

    sealed = body.seal(key, context, plain, draws(stream))

    assert hashlib.sha256(sealed).hexdigest() == vector["sha256"]
    assert sealed.hex().startswith(vector["begins"])
    assert body.open_(key, context, sealed) == plain
