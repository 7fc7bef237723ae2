"""Pages of lists that are made anew for each call."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import CloudError
from rempart.core.pages import page, page_of, token


@given(st.sets(st.text("aé-_", min_size=1, max_size=3), max_size=9), st.integers(1, 5))
def test_the_pages_of_a_list_hold_each_of_it_once_in_order(names: set[str], size: int) -> None:
    every, seen, following = [(name, {"name": name}) for name in names], list[object](), ""
    while True:
        shown = page_of("names", every, page({"pageSize": str(size), "pageToken": following}))
        part = shown.get("names", [])
        assert isinstance(part, list)
        assert len(part) <= size
        seen += part
        following = str(shown.get("nextPageToken", ""))
        if not following:
            break
    assert seen == [{"name": name} for name in sorted(names)]


def test_a_token_that_is_no_name_is_refused() -> None:
    with pytest.raises(CloudError) as refusal:
        page_of("names", [], page({"pageToken": token(b"\xff")}))
    assert refusal.value.field == "pageToken"
