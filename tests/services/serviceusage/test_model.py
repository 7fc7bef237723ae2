"""Service Usage's rules: what depends on what, and what is never off."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.clock import Micros
from rempart.core.errors import CloudError, Code
from rempart.services.serviceusage import model
from rempart.trust.policy.apis import ALWAYS_ON

APIS = frozenset(("cloudkms", "kmsinventory", "storage", "serviceusage", "iam"))
OFF = st.frozensets(st.sampled_from(sorted(APIS - ALWAYS_ON)))


@given(OFF, st.sampled_from(sorted(APIS)))
def test_what_is_enabled_is_on_with_what_it_needs(off: frozenset[str], api: str) -> None:
    after = model.enabled(off, [api])
    assert after <= off
    assert api not in after
    assert model.DEPENDS_ON.get(api) not in after


@given(OFF, st.sampled_from(sorted(APIS)))
def test_what_is_disabled_is_off_with_what_needs_it(off: frozenset[str], api: str) -> None:
    if api in ALWAYS_ON:
        with pytest.raises(CloudError) as refused:
            model.disabled(off, api, APIS, dependents=True)
        assert refused.value.code is Code.FAILED_PRECONDITION
        return
    after = model.disabled(off, api, APIS, dependents=True)
    assert off | {api} <= after
    for one, needed in model.DEPENDS_ON.items():
        assert needed != api or one in after


def test_a_service_that_another_needs_is_not_disabled_alone() -> None:
    with pytest.raises(CloudError, match=r"kmsinventory\.googleapis\.com"):
        model.disabled(frozenset(), "cloudkms", APIS, dependents=False)
    off = frozenset(("kmsinventory",))
    assert model.disabled(off, "cloudkms", APIS, dependents=False) == off | {"cloudkms"}


@given(st.integers(0, 2**47 * 1000), st.integers(1, 500), st.binary(min_size=9, max_size=9))
def test_ids_of_operations_look_like_googles_and_sort_by_time(
    now: int, later: int, salt: bytes
) -> None:
    first = model.operation_id("123", Micros(now), salt)
    form = r"acat\.p2-123-[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}"
    assert re.fullmatch(form, first)
    assert first < model.operation_id("123", Micros(now + later * 1000), salt)
    assert model.operation_name(f"operations/{first}") == ("123", first)


@pytest.mark.parametrize(
    ("text", "state"),
    [("", ""), ("state:ENABLED", "ENABLED"), (" state = DISABLED ", "DISABLED")],
)
def test_listings_are_filtered_by_state(text: str, state: str) -> None:
    assert model.state_wanted(text) == state


def test_any_other_filter_is_refused_not_ignored() -> None:
    with pytest.raises(CloudError):
        model.state_wanted("name:storage")
