"""The pure rules of Cloud Storage."""

from __future__ import annotations

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import CloudError
from rempart.services.storage.model import names
from rempart.services.storage.model.checksums import claims, combine, header_claims
from rempart.services.storage.model.preconditions import NotModified, preconditions
from rempart.services.storage.model.ranges import byte_range, content_range


@given(st.binary(max_size=300), st.binary(max_size=3000))
def test_checksums_of_parts_combine_to_that_of_the_whole(one: bytes, two: bytes) -> None:
    combined = combine(google_crc32c.value(one), google_crc32c.value(two), len(two))
    assert combined == google_crc32c.value(one + two)


@pytest.mark.parametrize("size", [1 << 20, (1 << 40) + 12345])
def test_checksums_combine_over_long_runs_of_zeros(size: int) -> None:
    half = combine(google_crc32c.value(b"a"), 0, size // 2)
    assert combine(half, 0, size - size // 2) == combine(google_crc32c.value(b"a"), 0, size)


@pytest.mark.parametrize(
    "name",
    ["", "ab", "a" * 64, "-ab", "ab-", "a..b", "192.168.0.1", "Abc", "a/b", "goog1", "my-google",
     "a b", "é" * 4, ".well-known", "a.-b", "x" * 63 + "." + "y" * 64],
)  # fmt: skip
def test_bucket_names_that_break_a_rule_are_refused(name: str) -> None:
    with pytest.raises(CloudError) as refusal:
        names.bucket_name(name)
    assert refusal.value.field == "name"


@pytest.mark.parametrize("name", ["abc", "a-b_c.d", "x" * 63, "0ab", "xn--abc"])
def test_good_bucket_names_pass(name: str) -> None:
    assert names.bucket_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a\nb", "a\rb", "a\x00b", "\ud800", "é" * 513, "a" * 1025,
     ".well-known/acme-challenge/x"],
)  # fmt: skip
def test_object_names_that_break_a_rule_are_refused(name: str) -> None:
    with pytest.raises(CloudError):
        names.object_name(name)


@pytest.mark.parametrize(
    "name", ["a", "/", "//", "a//b", "/a", "a/../b", "a/./b", "é", "e\u0301", "\u202e", "a" * 1024]
)
def test_strange_object_names_are_names(name: str) -> None:
    assert names.object_name(name) == name


@given(st.integers(0, 50), st.integers(0, 60), st.integers(1, 50))
def test_ranges_cut_what_is_there(first: int, last: int, size: int) -> None:
    header = f"bytes={first}-{last}"
    if last < first:
        assert byte_range(header, size) is None
    elif first >= size:
        with pytest.raises(CloudError) as refusal:
            byte_range(header, size)
        assert refusal.value.status == 416
        assert refusal.value.headers == (("content-range", f"bytes */{size}"),)
    else:
        part = byte_range(header, size)
        assert part is not None
        assert bytes(range(size))[part.start : part.stop] == bytes(range(size))[first : last + 1]


@pytest.mark.parametrize(
    ("header", "start", "stop"), [("bytes=-3", 7, 10), ("bytes=-30", 0, 10), ("bytes=4-", 4, 10)]
)
def test_open_ranges(header: str, start: int, stop: int) -> None:
    part = byte_range(header, 10)
    assert part is not None
    assert (part.start, part.stop) == (start, stop)


@pytest.mark.parametrize("header", ["bytes=1-2,4-5", "items=1-2", "bytes=a-b", "bytes=--1", ""])
def test_ranges_of_another_kind_are_ignored(header: str) -> None:
    assert byte_range(header, 10) is None


def test_an_empty_body_has_no_range_to_serve() -> None:
    with pytest.raises(CloudError):
        byte_range("bytes=0-", 0)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes 0-9/20", (0, 10, 20)),
        ("bytes 0-9/*", (0, 10, None)),
        ("bytes 0-*/*", (0, None, None)),
        ("bytes */*", (None, None, None)),
        ("bytes */20", (None, None, 20)),
        (None, (0, 5, 5)),
    ],
)
def test_content_ranges(header: str | None, expected: tuple[int | None, ...]) -> None:
    got = content_range(header, 5)
    assert (got.start, got.stop, got.total) == expected


@pytest.mark.parametrize("header", ["bytes 9-0/20", "bytes 0-20/20", "0-9/20", "bytes 0-9", "x"])
def test_bad_content_ranges_are_refused(header: str) -> None:
    with pytest.raises(CloudError) as refusal:
        content_range(header, 5)
    assert refusal.value.field == "Content-Range"


@pytest.mark.parametrize(
    ("query", "generation", "ok"),
    [
        ({"ifGenerationMatch": "0"}, 0, True),
        ({"ifGenerationMatch": "0"}, 7, False),
        ({"ifGenerationMatch": "7"}, 7, True),
        ({"ifGenerationNotMatch": "7"}, 7, False),
        ({"ifGenerationNotMatch": "0"}, 0, False),
        ({"ifMetagenerationMatch": "1"}, 7, True),
        ({"ifMetagenerationMatch": "2"}, 7, False),
        ({"ifMetagenerationNotMatch": "1"}, 7, False),
    ],
)
def test_preconditions_in_their_four_forms(
    query: dict[str, str], generation: int, ok: bool
) -> None:
    asked = preconditions(query)
    if ok:
        asked.check(generation, 1 if generation else 0)
        return
    with pytest.raises(CloudError) as refusal:
        asked.check(generation, 1 if generation else 0)
    assert refusal.value.status == 412


def test_a_read_that_finds_nothing_new_is_not_modified() -> None:
    with pytest.raises(NotModified):
        preconditions({"ifGenerationNotMatch": "7"}).check(7, 1, reading=True)


@pytest.mark.parametrize("value", ["", "x", "1.0", "99999999999999999999", "1 "])
def test_a_precondition_that_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(CloudError) as refusal:
        preconditions({"ifGenerationMatch": value})
    assert refusal.value.field == "ifGenerationMatch"


@pytest.mark.parametrize("header", ["crc32c=!!", "crc32c=AAAA", "md5=AA==", "sha1=AAAA"])
def test_hashes_that_cannot_be_are_refused(header: str) -> None:
    with pytest.raises(CloudError):
        header_claims(header, "")


def test_two_claims_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(CloudError):
        claims(crc32c="AAAAAA==").merge(claims(crc32c="AAAAAQ=="))
