"""Queries of the policy search."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import CloudError
from rempart.services.cloudasset.query import QUERY_CHARS_MAX, WORDS_MAX, admits

BINDING = {
    "role": ("roles/storage.admin",),
    "member": ("user:amy@example.com", "group:ops@example.com"),
    "type": ("user", "group"),
    "condition": ("Important", "only in March"),
    "resource": ("//storage.googleapis.com/my-bucket",),
    "project": ("lab:demo",),
    "permission": ("storage.buckets.update", "storage.objects.get"),
}


@pytest.mark.parametrize(
    ("query", "admitted"),
    [
        ("", True),
        ("policy:amy", True),
        ("policy:amy@example.com", True),
        ("policy:bob", False),
        ("policy:roles/storage.admin", True),
        ("policy:stor*", True),
        ("policy:tor*", False),
        ("policy.role.permissions:storage.buckets.update", True),
        ("policy.role.permissions:upd*", True),
        ("policy:storage.buckets.update", False),
        ("resource=//storage.googleapis.com/my-bucket", True),
        ("resource=my-bucket", False),
        ("resource:my-bucket", True),
        ("resource:(other OR my-bucket) policy:amy", True),
        ("resource:(other OR another)", False),
        ("memberTypes:user", True),
        ("memberTypes:domain", False),
        ("roles:roles/storage.admin", True),
        ("Important", True),
        ("NOT Important", False),
        ("Important AND NOT policy:bob", True),
        ('"only in March"', True),
        ('"only in April"', False),
        ("policy:bob OR memberTypes:group", True),
        ("update", False),
    ],
)
def test_a_query_admits_what_it_names(query: str, *, admitted: bool) -> None:
    assert admits(query)(BINDING) is admitted


@pytest.mark.parametrize(
    "query",
    ["(", ")", "a)", "(a", "NOT", "AND", "a OR", "resource:(", "x" * (QUERY_CHARS_MAX + 1),
     "a " * (WORDS_MAX + 1), "(" * 20 + "a" + ")" * 20, "***", "resource:"],
)  # fmt: skip
def test_a_query_that_makes_no_sense_is_refused(query: str) -> None:
    with pytest.raises(CloudError) as refused:
        admits(query)
    assert refused.value.field == "query"


@given(st.text(alphabet='ab():="* ORANDNT\t\x00é', max_size=60))
def test_any_text_is_a_query_or_is_refused(text: str) -> None:
    try:
        test = admits(text)
    except CloudError:
        return
    assert test(BINDING) in {True, False}
