"""What the log tells of a change of a policy: no more and no less than what changed."""

from __future__ import annotations

import json
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from rempart.core.policy import AuditConfig, Binding, Condition, Policy
from rempart.core.principal import Member
from rempart.trust.policy.delta import FACT, changes

Held = frozenset[tuple[str, str, str]]

_ROLES = st.sampled_from(["roles/viewer", "roles/editor"])
_CONDITIONS = st.sampled_from([None, Condition("true", 'a "b", c'), Condition("false")])
_MEMBERS = st.lists(
    st.sampled_from([Member(f"user:{name}@example.test") for name in "abc"]),
    min_size=1,
    unique=True,
)
_BINDINGS = st.builds(
    lambda role, members, condition: Binding(role, tuple(members), condition),
    _ROLES,
    _MEMBERS,
    _CONDITIONS,
)
_POLICIES = st.lists(_BINDINGS, max_size=4).map(lambda found: Policy(tuple(found)))


def held(bindings: Iterable[Binding]) -> Held:
    return frozenset(
        (one.role, one.condition.expression if one.condition else "", member)
        for one in bindings
        for member in one.members
    )


@given(old=_POLICIES, new=_POLICIES)
def test_what_was_given_and_taken_leads_from_one_policy_to_the_other(
    old: Policy, new: Policy
) -> None:
    told = json.loads(changes(old, new).get(FACT, "{}"))
    added, removed = set[tuple[str, str, str]](), set[tuple[str, str, str]]()
    for delta in told.get("bindingDeltas", []):
        into = {"ADD": added, "REMOVE": removed}[delta["action"]]
        expression = delta.get("condition", {}).get("expression", "")
        into |= {(delta["role"], expression, member) for member in delta["members"]}

    assert added == held(new.bindings) - held(old.bindings)
    assert removed == held(old.bindings) - held(new.bindings)


def test_what_is_logged_and_who_is_exempted_is_told() -> None:
    ann = Member("user:ann@example.test")
    old = Policy(audit=(AuditConfig("storage.googleapis.com", "DATA_READ", (ann,)),))
    new = Policy(audit=(AuditConfig("storage.googleapis.com", "DATA_READ"),))

    assert json.loads(changes(old, new)[FACT]) == {
        "auditConfigDeltas": [
            {
                "action": "REMOVE",
                "service": "storage.googleapis.com",
                "logType": "DATA_READ",
                "exemptedMember": ann,
            }
        ]
    }


def test_a_policy_that_stays_as_it_was_has_nothing_to_tell() -> None:
    policy = Policy((Binding("roles/viewer", (Member("user:ann@example.test"),)),))
    assert changes(policy, policy) == {"bindings": "1"}
