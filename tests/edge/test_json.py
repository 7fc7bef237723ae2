"""JSON documents: what is read, and what is refused by name."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import CloudError
from rempart.core.limits import JSON_BODY_BYTES_MAX, JSON_DEPTH_MAX
from rempart.edge.json import read_object

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, VALUE, max_size=5), st.booleans())
def test_every_object_is_read_as_it_is(value: dict[str, object], ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert read_object(text.encode()) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        value = read_object(content)
    except CloudError:
        return
    assert value == (json.loads(content) if content else {})


def test_an_empty_body_is_an_empty_object() -> None:
    assert read_object(b"") == {}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[]", "not an object"),
        (b'"a"', "not an object"),
        (b'{"a":1,"a":2}', '"a" occurs twice'),
        (b'{"x":{"b":1,"c":2,"b":1}}', '"b" occurs twice'),
        (b'{"a":1,"\\u0061":2}', '"a" occurs twice'),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":-Infinity}', "Infinity"),
        (b'{"a":1e999}', "too large"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"\\udfff":1}', "surrogate"),
        (b'{"a":"\xff"}', "UTF-8"),
        (b'\xef\xbb\xbf{"a":1}', "Expecting value"),
        ('{"a":1}'.encode("utf-16"), "UTF-8"),
        (b'{"a":"\n"}', "control character"),
        (b'{"a":1} x', "Extra data"),
        (b'{"a":1', "line 1, column"),
        (b"{'a':1}", "line 1"),
        (b'{"a":' + b"9" * 5000 + b"}", "digits"),
        (b'{"a":' + b"[" * 200_000, "levels deep"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "levels deep"),
    ],
)
def test_what_parsers_disagree_about_is_refused_by_name(content: bytes, problem: str) -> None:
    with pytest.raises(CloudError, match=problem) as caught:
        read_object(content)
    assert (caught.value.status, caught.value.reason) == (400, "parseError")


def test_nesting_is_allowed_up_to_its_limit_and_brackets_in_strings_do_not_count() -> None:
    deep = b'{"a":' * JSON_DEPTH_MAX + b'"' + b"[" * 99 + b'\\"{"' + b"}" * JSON_DEPTH_MAX
    assert "a" in read_object(deep)


def test_many_shallow_members_are_no_depth() -> None:
    assert len(read_object(json.dumps({str(n): [{}] for n in range(99)}).encode())) == 99


def test_a_paired_surrogate_is_one_character() -> None:
    assert read_object(b'{"a":"\\ud83d\\ude00"}') == {"a": "\U0001f600"}


def test_a_document_above_its_size_is_too_large() -> None:
    with pytest.raises(CloudError) as caught:
        read_object(b'{"a":"' + b"x" * JSON_BODY_BYTES_MAX + b'"}')
    assert caught.value.status == 413


def test_floats_are_finite_after_reading() -> None:
    value = read_object(b'{"a":1.7e308}')["a"]
    assert isinstance(value, float)
    assert math.isfinite(value)


def test_a_null_document_reads_as_an_empty_one_as_go_sends_it() -> None:
    assert read_object(b"null") == {}
