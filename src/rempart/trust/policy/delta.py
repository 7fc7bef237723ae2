"""What a change of a policy gave and took, for its entry in the log: all of it, however much.

The log has it as one JSON text of `PolicyDelta`, members together that have a role under the same
condition. Source: google.iam.v1.PolicyDelta.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from rempart.core.policy import Condition, Policy

FACT = "policyDelta"
ADD, REMOVE = "ADD", "REMOVE"
_Given = tuple[str, Condition | None]
_Exempted = tuple[str, str, str]


class BindingDelta(msgspec.Struct, frozen=True, omit_defaults=True):
    """Members who were given a role, or lost it."""

    action: str
    role: str
    members: tuple[str, ...]
    condition: Condition | None = None


class AuditConfigDelta(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A kind of access that is logged from now on or no more, or somebody exempted from it."""

    action: str
    service: str
    log_type: str
    exempted_member: str = ""


class PolicyDelta(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What tells one policy from another."""

    binding_deltas: tuple[BindingDelta, ...] = ()
    audit_config_deltas: tuple[AuditConfigDelta, ...] = ()


def changes(old: Policy, new: Policy) -> dict[str, str]:
    """Return for the log what a policy gives and takes, against the one before."""
    found = PolicyDelta(tuple(_bindings(old, new)), tuple(_audited(old, new)))
    facts = {"bindings": str(len(new.bindings))}
    if found != PolicyDelta():
        facts[FACT] = msgspec.json.encode(found).decode()
    return facts


def _bindings(old: Policy, new: Policy) -> Iterator[BindingDelta]:
    before, after = _given(old), _given(new)
    for given in sorted(before.keys() | after.keys(), key=repr):
        had, has = before.get(given, frozenset()), after.get(given, frozenset())
        for action, members in ((ADD, has - had), (REMOVE, had - has)):
            if members:
                yield BindingDelta(action, given[0], tuple(sorted(members)), given[1])


def _given(policy: Policy) -> dict[_Given, frozenset[str]]:
    found: dict[_Given, frozenset[str]] = {}
    for one in policy.bindings:
        given = (one.role, one.condition)
        found[given] = found.get(given, frozenset()) | frozenset(one.members)
    return found


def _audited(old: Policy, new: Policy) -> Iterator[AuditConfigDelta]:
    before, after = _configs(old), _configs(new)
    for action, configs in ((ADD, after - before), (REMOVE, before - after)):
        for service, log_type, exempted in sorted(configs):
            yield AuditConfigDelta(action, service, log_type, exempted)


def _configs(policy: Policy) -> frozenset[_Exempted]:
    return frozenset(
        (one.service, one.log, member) for one in policy.audit for member in ("", *one.exempted)
    )
