"""Field masks of partial responses."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import CloudError
from rempart.edge.fields import FIELDS_CHARS_MAX, FIELDS_DEPTH_MAX, check_mask, select

OWNER = {"entity": "e"}
PAGE: dict[str, Any] = {
    "kind": "storage#objects",
    "nextPageToken": "t",
    "items": [
        {"name": "a", "size": "1", "metadata": {"k": "v", "l": "w"}, "owner": OWNER},
        {"name": "b", "size": "2"},
    ],
    "prefixes": ["x/", "y/"],
}


A, B = {"name": "a"}, {"name": "b"}


@pytest.mark.parametrize(
    ("mask", "kept"),
    [
        ("kind", {"kind": "storage#objects"}),
        ("items/name,nextPageToken", {"items": [A, B], "nextPageToken": "t"}),
        ("items(name,metadata/*)", {"items": [A | {"metadata": {"k": "v", "l": "w"}}, B]}),
        ("items(name,metadata/k)", {"items": [A | {"metadata": {"k": "v"}}, B]}),
        ("items(owner(entity),size)", {"items": [{"size": "1", "owner": OWNER}, {"size": "2"}]}),
        ("items/owner/entity", {"items": [{"owner": OWNER}, {}]}),
        ("*", PAGE),
        ("*/name", PAGE | {"items": [A, B]}),
        ("prefixes", {"prefixes": ["x/", "y/"]}),
        ("absent", {}),
        (" kind , nextPageToken ", {"kind": "storage#objects", "nextPageToken": "t"}),
        ("items/name,items/size", {"items": [A | {"size": "1"}, B | {"size": "2"}]}),
        ("items,items/size", {"items": PAGE["items"]}),
        ("items/size,items", {"items": PAGE["items"]}),
    ],
)
def test_a_mask_keeps_what_it_names(mask: str, kept: dict[str, Any]) -> None:
    assert select(PAGE, mask) == kept


@pytest.mark.parametrize(
    "mask",
    ["", " ", ",", "a,", ",a", "a,,b", "a(", "a)", "a()", "a(b", "a/", "/a", "a//b", "a(b)c",
     "a b", "a;b", "a\x00", "é", "a(b))", "a/(b)", "(a)", "a" * (FIELDS_CHARS_MAX + 1),
     "/".join("a" * (FIELDS_DEPTH_MAX + 1)), "a(" * 1000 + "a" + ")" * 1000],
)  # fmt: skip
def test_a_malformed_mask_is_an_invalid_parameter(mask: str) -> None:
    with pytest.raises(CloudError) as caught:
        check_mask(mask)
    assert (caught.value.reason, caught.value.field) == ("invalidParameter", "fields")


NAMES = st.sampled_from(["a", "b", "c", "d"])
JSON = st.recursive(
    st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=15,
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=4)
MASKS = st.recursive(
    NAMES | st.just("*"),
    lambda inner: (
        st.builds("{}/{}".format, NAMES, inner) | st.builds("{}({},{})".format, NAMES, inner, inner)
    ),
    max_leaves=5,
)


def within(part: Any, whole: Any) -> bool:
    if isinstance(part, dict):
        return all(name in whole and within(part[name], whole[name]) for name in part)
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(within, part, whole))
    return bool(part == whole)


@given(OBJECTS, MASKS)
def test_a_mask_takes_away_and_never_adds(value: Any, mask: str) -> None:
    assert within(select(value, mask), value)


@given(OBJECTS, MASKS)
def test_a_mask_applied_again_changes_nothing(value: Any, mask: str) -> None:
    once = select(value, mask)
    assert select(once, mask) == once


@given(OBJECTS, MASKS, MASKS)
def test_two_masks_together_keep_what_either_keeps(value: Any, one: str, other: str) -> None:
    both = select(value, f"{one},{other}")
    assert within(select(value, one), both)
    assert within(select(value, other), both)


@given(OBJECTS)
def test_the_star_keeps_everything(value: Any) -> None:
    assert select(value, "*") == value
