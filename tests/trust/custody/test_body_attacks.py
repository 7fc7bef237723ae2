"""What whoever holds the disk can do to a body, and that each of it is refused."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rempart.trust.custody import body
from rempart.trust.custody.errors import Tampered

KEY, CONTEXT = bytes(range(32)), b"storage/project/bucket/object/1"
HEADER, SEGMENT, SEALED = body.HEADER_BYTES, body.SEGMENT_PLAIN_BYTES, body.SEGMENT_SEALED_BYTES
LENGTH = 3 * SEGMENT + 1000
PLAIN = random.Random(0).randbytes(LENGTH)
WHOLE = body.seal(KEY, CONTEXT, PLAIN)
OTHER = body.seal(KEY, CONTEXT, PLAIN)
"""The same bytes sealed again under the same key and context."""


def read_all(sealed: bytes, length: int = LENGTH) -> bytes:
    """Read as the engine does: the header, then each segment where it must be."""
    opener = body.Opener(KEY, CONTEXT, sealed[:HEADER], length)
    got = []
    for start, stop in opener.spans(0, length, SEGMENT):
        offset, size = opener.sealed_span(start, stop)
        got.append(opener.open(start, stop, sealed[offset : offset + size]))
    return b"".join(got)


def refused(sealed: bytes, length: int = LENGTH) -> None:
    """Both ways of reading refuse it."""
    with pytest.raises(Tampered):
        read_all(sealed, length)
    with pytest.raises(Tampered):
        body.open_(KEY, CONTEXT, sealed)


def segment(sealed: bytes, index: int) -> bytes:
    return sealed[HEADER + index * SEALED : HEADER + (index + 1) * SEALED]


def spliced(base: bytes, **parts: bytes) -> bytes:
    """Return the body with segments replaced: s0=..., s1=..., header=..."""
    segments = [parts.get(f"s{index}", segment(base, index)) for index in range(4)]
    return parts.get("header", base[:HEADER]) + b"".join(segments)


def test_both_originals_open() -> None:
    assert read_all(WHOLE) == read_all(OTHER) == body.open_(KEY, CONTEXT, WHOLE) == PLAIN


@pytest.mark.parametrize("length", [0, 1, 30])
def test_every_single_bit_counts(length: int) -> None:
    sealed = body.seal(KEY, CONTEXT, PLAIN[:length])

    for bit in range(8 * len(sealed)):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Tampered):
            body.open_(KEY, CONTEXT, bytes(altered))


@settings(deadline=None)
@given(at=st.integers(0, len(WHOLE) - 1), flip=st.integers(1, 255))
def test_any_altered_byte_of_a_long_body_is_refused(at: int, flip: int) -> None:
    altered = bytearray(WHOLE)
    altered[at] ^= flip

    refused(bytes(altered))


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("inside", [0, 3, 4, 15, 16, 500, -17, -16, -1])
def test_every_part_of_every_segment_counts(index: int, inside: int) -> None:
    altered = bytearray(segment(WHOLE, index))
    altered[inside] ^= 1

    refused(spliced(WHOLE, **{f"s{index}": bytes(altered)}))


def test_only_the_altered_segment_is_withheld() -> None:
    altered = bytearray(WHOLE)
    altered[HEADER + SEALED + 100] ^= 1
    opener = body.Opener(KEY, CONTEXT, bytes(altered[:HEADER]), LENGTH)

    for index in (0, 2, 3):
        part = PLAIN[index * SEGMENT : (index + 1) * SEGMENT]
        assert opener.open_segment(index, segment(bytes(altered), index)) == part
    with pytest.raises(Tampered):
        opener.open_segment(1, segment(bytes(altered), 1))


@pytest.mark.parametrize("segments", range(4))
@pytest.mark.parametrize("off", [-1, 0, 1])
def test_truncation_at_and_around_every_border_is_refused(segments: int, off: int) -> None:
    refused(WHOLE[: HEADER + segments * SEALED + off])


@pytest.mark.parametrize("segments", range(1, 4))
def test_truncation_is_refused_even_where_the_length_was_rewritten(segments: int) -> None:
    refused(WHOLE[: HEADER + segments * SEALED], segments * SEGMENT)


@pytest.mark.parametrize("length", [LENGTH - 1, LENGTH + 1, LENGTH - 1000, 4 * SEGMENT, SEGMENT, 1])
def test_no_other_length_opens_the_last_segment(length: int) -> None:
    opener = body.Opener(KEY, CONTEXT, WHOLE[:HEADER], length)
    last = opener.segments(0, length)[-1]

    for given_ in (segment(WHOLE, last), segment(WHOLE, 3)):
        with pytest.raises(Tampered):
            opener.open_segment(last, given_)


def test_extension_is_refused() -> None:
    full = body.seal(KEY, CONTEXT, PLAIN[: 2 * SEGMENT])
    for tail in (b"\0", segment(full, 1), segment(WHOLE, 3), bytes(32)):
        with pytest.raises(Tampered):
            body.open_(KEY, CONTEXT, full + tail)
        with pytest.raises(Tampered):
            read_all(full + tail, 2 * SEGMENT + max(len(tail) - 32, 1))


def test_an_empty_final_segment_more_is_refused() -> None:
    """One body, one sealed length: the longer encoding that FLOE allows is not ours."""
    empty = body.seal(KEY, CONTEXT, b"")
    full = body.seal(KEY, CONTEXT, PLAIN[:SEGMENT])

    with pytest.raises(Tampered):
        body.open_(KEY, CONTEXT, full + empty[HEADER:])


def test_reordered_repeated_and_dropped_segments_are_refused() -> None:
    first, second, third, last = (segment(WHOLE, index) for index in range(4))

    for order in (
        (second, first, third, last),
        (first, third, second, last),
        (first, first, third, last),
        (first, second, last, third),
    ):
        refused(WHOLE[:HEADER] + b"".join(order))
    refused(WHOLE[:HEADER] + first + third + last, LENGTH - SEGMENT)


@pytest.mark.parametrize("index", range(4))
def test_a_segment_of_another_seal_under_the_same_key_is_refused(index: int) -> None:
    refused(spliced(WHOLE, **{f"s{index}": segment(OTHER, index)}))


def test_the_header_of_another_seal_is_refused() -> None:
    refused(spliced(WHOLE, header=OTHER[:HEADER]))
    refused(spliced(WHOLE, header=OTHER[:42] + WHOLE[42:HEADER]))
    refused(spliced(WHOLE, header=WHOLE[:42] + OTHER[42:HEADER]))


def test_other_keys_and_contexts_fail_at_the_header_already() -> None:
    for key, context in (
        (KEY[::-1], CONTEXT),
        (KEY, b""),
        (KEY, CONTEXT + b"\0"),
        (KEY, CONTEXT[:-1] + b"2"),
    ):
        with pytest.raises(Tampered):
            body.Opener(key, context, WHOLE[:HEADER], LENGTH)
        with pytest.raises(Tampered):
            body.open_(key, context, WHOLE)


@pytest.mark.parametrize("length", [0, 1, 9, 10, 41, 42, 73, 75])
def test_a_header_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(Tampered):
        body.Opener(KEY, CONTEXT, WHOLE[:length], LENGTH)
    with pytest.raises(Tampered):
        body.open_(KEY, CONTEXT, WHOLE[:length])


def test_other_parameters_in_the_header_are_refused() -> None:
    for at in range(10):
        altered = bytearray(WHOLE)
        altered[at] ^= 1
        with pytest.raises(Tampered):
            body.Opener(KEY, CONTEXT, bytes(altered[:HEADER]), LENGTH)


@given(junk=st.binary(max_size=400))
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises(Tampered):
        body.open_(KEY, CONTEXT, junk)


def test_short_and_long_reads_are_refused() -> None:
    opener = body.Opener(KEY, CONTEXT, WHOLE[:HEADER], LENGTH)
    offset, size = opener.sealed_span(10, 2 * SEGMENT)

    for wrong in (size - 1, size + 1, 0, SEALED):
        with pytest.raises(Tampered):
            opener.open(10, 2 * SEGMENT, WHOLE[offset : offset + wrong])
    with pytest.raises(Tampered):
        opener.open_segment(4, segment(WHOLE, 3))
    with pytest.raises(Tampered):
        opener.open_segment(-1, segment(WHOLE, 2))


@pytest.mark.parametrize("length", range(32))
def test_a_segment_shorter_than_its_overhead_is_refused_whatever_it_says(length: int) -> None:
    stump = length.to_bytes(4, "big") + bytes(28)

    with pytest.raises(Tampered):
        body.open_(KEY, CONTEXT, WHOLE[:HEADER] + stump[:length])
    for tail in range(2, 5):
        with pytest.raises(Tampered):
            body.open_(KEY, CONTEXT, WHOLE[: HEADER + (tail - 1) * SEALED] + stump[:length])


def test_the_refusal_says_nothing() -> None:
    seen = set()
    for sealed in (b"", WHOLE[:-1], bytes([WHOLE[0] ^ 1]) + WHOLE[1:], WHOLE[:-1] + b"\0\1"):
        with pytest.raises(Tampered) as caught:
            body.open_(KEY, CONTEXT, sealed)
        seen.add((type(caught.value), caught.value.args))

    assert seen == {(Tampered, ())}
