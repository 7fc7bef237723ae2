"""An answer in the words of v3.

What refuses beside IAM (a disabled API, a perimeter, …) is in `otherRefusals`, with
`dependsOnAddress` where it might not if the question told where the call comes from; constraints
that judge what a call would make are in `dependsOnContent`, guards of which the asker may not know
in `unseenGuards`. Google's answer has none of these; a client that does not know them leaves them
out. Boundaries are shown as v3beta shows them.
Source: google.cloud.policytroubleshooter.iam.v3.
"""

from __future__ import annotations

from collections.abc import Iterable

from rempart.core.clock import rfc3339
from rempart.services.answers.why import Answer, PolicySeen
from rempart.services.iam.deny.model import policy_json
from rempart.trust.policy.explain import BindingExplained, DenialExplained, RuleExplained, Truth
from rempart.trust.policy.members import is_unknowable
from rempart.trust.policy.validate import condition_json, policy_to_json

Json = dict[str, object]
MANAGER = "//cloudresourcemanager.googleapis.com"
_VERSION = 3
_HIGH, _NORMAL = "HEURISTIC_RELEVANCE_HIGH", "HEURISTIC_RELEVANCE_NORMAL"
_INCLUDED, _NOT_INCLUDED = "ROLE_PERMISSION_INCLUDED", "ROLE_PERMISSION_NOT_INCLUDED"


def answer_json(answer: Answer) -> Json:
    """Return a TroubleshootIamPolicyResponse."""
    document: Json = {
        "overallAccessState": {True: "CAN_ACCESS", False: "CANNOT_ACCESS", None: "UNKNOWN_INFO"}[
            answer.can
        ],
        "accessTuple": _tuple(answer),
        "allowPolicyExplanation": _allow(answer),
        "denyPolicyExplanation": _deny(answer),
        "pabPolicyExplanation": _boundaries(answer),
    }
    if answer.refusals:
        document["otherRefusals"] = [
            {"guard": one.guard, "message": one.message}
            | ({"dependsOnAddress": True} if one.unsure else {})
            for one in answer.refusals
        ]
    if answer.depends:
        document["dependsOnContent"] = [
            {"guard": one.guard, "constraint": one.message} for one in answer.depends
        ]
    if answer.unseen_guards:
        document["unseenGuards"] = list(answer.unseen_guards)
    return document


def _tuple(answer: Answer) -> Json:
    asked = answer.asked
    return {
        "principal": asked.principal,
        "fullResourceName": asked.resource,
        "permission": asked.permission,
        "permissionFqdn": _fqdn(asked.permission),
        "conditionContext": {"request": {"receiveTime": rfc3339(asked.time)}},
    }


def _fqdn(permission: str) -> str:
    """Return a permission as deny policies name it."""
    if "/" in permission:
        return permission
    service, _, rest = permission.partition(".")
    service = "cloudresourcemanager" if service == "resourcemanager" else service
    return f"{service}.googleapis.com/{rest}"


def _relevance(*, high: bool) -> str:
    return _HIGH if high else _NORMAL


# Allow policies.


def _allow(answer: Answer) -> Json:
    shown = [_policy(one) for one in answer.policies]
    state = _state(one["allowAccessState"] for one in shown)
    if answer.explanation is None:
        state = "ALLOW_ACCESS_STATE_UNKNOWN_INFO"
    return {
        "allowAccessState": state,
        "explainedPolicies": shown,
        "relevance": _relevance(high=not answer.denied),
    }


def _state(states: Iterable[object]) -> str:
    """Return what several states amount to: one that grants is enough, a hidden one might."""
    seen = set(states)
    for word in ("GRANTED", "UNKNOWN_INFO"):
        if f"ALLOW_ACCESS_STATE_{word}" in seen:
            return f"ALLOW_ACCESS_STATE_{word}"
    return "ALLOW_ACCESS_STATE_NOT_GRANTED"


def _policy(one: PolicySeen) -> Json:
    if not one.seen:
        return {"allowAccessState": "ALLOW_ACCESS_STATE_UNKNOWN_INFO"}
    bindings = [_binding(one, binding) for binding in one.explained.bindings]
    return {
        "allowAccessState": _state(binding["allowAccessState"] for binding in bindings),
        "fullResourceName": one.held.full,
        "bindingExplanations": bindings,
        "relevance": _relevance(high=one.grants),
        "policy": policy_to_json(one.explained.policy, requested_version=_VERSION),
    }


def _binding(policy: PolicySeen, one: BindingExplained) -> Json:
    known = one.binding.role not in policy.hidden_roles
    carries = _INCLUDED if one.carries else _NOT_INCLUDED
    memberships = {
        member: _membership(member, named=named, hidden=member in policy.hidden_members)
        for member, named in one.members.items()
    }
    shown: Json = {
        "allowAccessState": _binding_state(policy, one),
        "role": one.binding.role,
        "rolePermission": carries if known else "ROLE_PERMISSION_UNKNOWN_INFO",
        "rolePermissionRelevance": _relevance(high=known and one.carries),
        "combinedMembership": _combined(memberships.values()),
        "memberships": memberships,
        "relevance": _relevance(high=one.grants and policy.knows(one)),
    }
    if one.binding.condition is not None:
        shown["condition"] = condition_json(one.binding.condition)
        shown["conditionExplanation"] = condition_explained(one.condition)
    return shown


def _binding_state(policy: PolicySeen, one: BindingExplained) -> str:
    if not policy.knows(one):
        return "ALLOW_ACCESS_STATE_UNKNOWN_INFO"
    if one.carries and one.named and one.condition is Truth.UNKNOWN:
        return "ALLOW_ACCESS_STATE_UNKNOWN_CONDITIONAL"
    return f"ALLOW_ACCESS_STATE_{'GRANTED' if one.grants else 'NOT_GRANTED'}"


def _membership(member: str, *, named: bool, hidden: bool) -> Json:
    state = "MEMBERSHIP_MATCHED" if named else "MEMBERSHIP_NOT_MATCHED"
    if hidden:
        state = "MEMBERSHIP_UNKNOWN_INFO"
    elif is_unknowable(member):
        state = "MEMBERSHIP_UNKNOWN_UNSUPPORTED"
    return {"membership": state, "relevance": _relevance(high=named and not hidden)}


def _combined(memberships: Iterable[Json]) -> Json:
    states = {one["membership"] for one in memberships}
    for state in ("MEMBERSHIP_MATCHED", "MEMBERSHIP_UNKNOWN_INFO"):
        if state in states:
            return {"membership": state, "relevance": _relevance(high=state in states)}
    return {"membership": "MEMBERSHIP_NOT_MATCHED", "relevance": _NORMAL}


def condition_explained(truth: Truth) -> Json:
    """Return what a condition came to."""
    if truth is Truth.UNKNOWN:
        return {"errors": [{"code": 3, "message": "The condition could not be evaluated."}]}
    return {"value": truth is Truth.TRUE}


# Deny policies.


def _deny(answer: Answer) -> Json:
    state = "DENIED" if answer.denied else "NOT_DENIED" if answer.denials_seen else "UNKNOWN_INFO"
    levels: dict[str, list[Json]] = {}
    for one, seen in answer.denials:
        if seen:
            levels.setdefault(one.level, []).append(_denial(one))
    return {
        "denyAccessState": f"DENY_ACCESS_STATE_{state}",
        "explainedResources": [
            {
                "denyAccessState": _worst(policies),
                "fullResourceName": f"{MANAGER}/{level}",
                "explainedPolicies": policies,
                "relevance": _relevance(high=_worst(policies).endswith("_DENIED")),
            }
            for level, policies in levels.items()
        ],
        "relevance": _relevance(high=answer.denied),
        "permissionDeniable": True,
    }


def _worst(policies: list[Json]) -> str:
    denied = "DENY_ACCESS_STATE_DENIED"
    found = any(one["denyAccessState"] == denied for one in policies)
    return denied if found else "DENY_ACCESS_STATE_NOT_DENIED"


def _denied(*, denies: bool) -> str:
    return f"DENY_ACCESS_STATE_{'DENIED' if denies else 'NOT_DENIED'}"


def _denial(one: DenialExplained) -> Json:
    point = f"{MANAGER.removeprefix('//')}/{one.level}".replace("/", "%2F")
    return {
        "denyAccessState": _denied(denies=one.denies),
        "policy": policy_json(f"policies/{point}/denypolicies/{one.id}", one.policy),
        "ruleExplanations": [_rule(rule) for rule in one.rules],
        "relevance": _relevance(high=one.denies),
    }


def _rule(one: RuleExplained) -> Json:
    shown: Json = {
        "denyAccessState": _denied(denies=one.denies),
        "combinedDeniedPermission": {
            "permissionMatchingState": "PERMISSION_PATTERN_MATCHED"
            if one.covers
            else "PERMISSION_PATTERN_NOT_MATCHED",
            "relevance": _relevance(high=one.denies),
        },
        "combinedDeniedPrincipal": {
            "membership": "MEMBERSHIP_MATCHED" if one.names else "MEMBERSHIP_NOT_MATCHED",
            "relevance": _relevance(high=one.denies),
        },
        "relevance": _relevance(high=one.denies),
    }
    if one.rule.condition is not None:
        shown["condition"] = condition_json(one.rule.condition)
        shown["conditionExplanation"] = condition_explained(one.condition)
    return shown


# Boundaries.


def _boundaries(answer: Answer) -> Json:
    told = answer.explanation
    if told is None or not answer.boundaries_seen:
        return {"principalAccessBoundaryAccessState": "PAB_ACCESS_STATE_UNKNOWN_INFO"}
    state = "NOT_ALLOWED" if told.shut_out else "ALLOWED"
    if not told.boundaries or not told.bounded:
        state = "NOT_ENFORCED"
    return {
        "principalAccessBoundaryAccessState": f"PAB_ACCESS_STATE_{state}",
        "explainedBindingsAndPolicies": [
            {
                "bindingAndPolicyAccessState": "PAB_ACCESS_STATE_ALLOWED"
                if one.includes
                else "PAB_ACCESS_STATE_NOT_ALLOWED",
                "explainedPolicy": {"policy": {"name": one.policy}},
            }
            for one in told.boundaries
        ],
        "relevance": _relevance(high=told.shut_out),
    }
