"""Principal access boundary policies and their bindings as JSON, and what is refused of them.

Source: google.iam.v3.PrincipalAccessBoundaryPolicy and PolicyBinding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rempart.core.clock import rfc3339
from rempart.core.document import items, only, section, strings, text
from rempart.core.errors import CloudError, invalid, required
from rempart.core.policy import Condition
from rempart.services.iam.deny.model import limited
from rempart.trust.policy.boundaries import BoundaryPolicy, BoundaryRule, PolicyBinding
from rempart.trust.policy.conditions import OF_PRINCIPAL, check

Json = dict[str, object]

RULES_MAX = 500
RESOURCES_MAX = 500
POLICIES_MAX = 1000
BINDINGS_OF_A_TARGET_MAX = 10
CONDITION_CHARS_MAX = 250
DESCRIPTION_CHARS_MAX = 256
VERSIONS = ("1", "2", "3", "4")
LATEST = "latest"
KIND = "PRINCIPAL_ACCESS_BOUNDARY"

MANAGER = "//cloudresourcemanager.googleapis.com/"
TARGET = re.compile(
    r"//iam\.googleapis\.com/(?:locations/global/(?:workforcePools|workspace)/[A-Za-z0-9-]+"
    r"|(projects/[0-9]+)/locations/global/workloadIdentityPools/[a-z0-9-]+)"
)
_ID = re.compile(r"[a-z][a-z0-9.-]{2,62}")
_CONDITION = {"expression": CONDITION_CHARS_MAX, "title": 100, "description": 256, "location": 256}


def checked_id(asked: str, field: str) -> str:
    """Return the id that something new is to have."""
    if not _ID.fullmatch(asked):
        message = f"{field} has 3 to 63 characters, a-z, 0-9, hyphens and dots; a letter is first."
        raise invalid(message, field=field)
    return asked


def version(details: Mapping[str, object]) -> str:
    """Return the enforcement version; the newest where none or `latest` is asked for."""
    asked = text(details, "enforcementVersion")
    if asked not in {"", LATEST, *VERSIONS}:
        message = f"enforcementVersion is {LATEST} or one of {', '.join(VERSIONS)}."
        raise invalid(message, field="details.enforcementVersion")
    return VERSIONS[-1] if asked in {"", LATEST} else asked


def rules(details: Mapping[str, object]) -> tuple[BoundaryRule, ...]:
    """Return the rules that a policy's details ask for; the store finds their levels."""
    only(details, "rules", "enforcementVersion")
    found = items(details, "rules")
    made = tuple(_rule(one, f"details.rules[{index}]") for index, one in enumerate(found))
    if not made or len(made) > RULES_MAX or sum(len(one.resources) for one in made) > RESOURCES_MAX:
        message = f"A policy has 1 to {RULES_MAX} rules and {RESOURCES_MAX} resources in them."
        raise invalid(message, field="details.rules")
    return made


def _rule(document: Mapping[str, object], where: str) -> BoundaryRule:
    only(document, "description", "resources", "effect")
    if text(document, "effect") != "ALLOW":
        raise invalid(f"{where}.effect must be ALLOW.", field=f"{where}.effect")
    resources = strings(document, "resources")
    if not resources:
        raise required(f"{where} has no resources.", field=f"{where}.resources")
    if not all(one.startswith(MANAGER) for one in resources):
        raise invalid(
            f"{where} has a resource that is no project, folder or organization, such as "
            f"{MANAGER}projects/ID.",
            field=f"{where}.resources",
        )
    description = limited(document, "description", DESCRIPTION_CHARS_MAX, where)
    return BoundaryRule(tuple(dict.fromkeys(resources)), (), description)


def condition(document: Mapping[str, object]) -> Condition | None:
    """Return the condition of a binding."""
    if document.get("condition") is None:
        return None
    found = section(document, "condition")
    only(found, *_CONDITION)
    texts = {name: limited(found, name, most, "condition") for name, most in _CONDITION.items()}
    try:
        check(texts["expression"], OF_PRINCIPAL)
    except CloudError as problem:
        raise invalid(f"condition: {problem.message}", field="condition.expression") from problem
    return Condition(**texts)


def policy_json(name: str, policy: BoundaryPolicy) -> Json:
    """Return a policy."""
    shown_rules = [
        _dense(
            {
                "description": rule.description,
                "resources": list(rule.resources),
                "effect": "ALLOW",
            }
        )
        for rule in policy.rules
    ]
    details = {"rules": shown_rules, "enforcementVersion": policy.version}
    return _dense(_common(name, policy) | {"details": details})


def binding_json(name: str, binding: PolicyBinding) -> Json:
    """Return a policy binding."""
    found = binding.condition
    return _dense(
        _common(name, binding)
        | {
            "target": {"principalSet": binding.target},
            "policyKind": KIND,
            "policy": policy_name(binding.organization, binding.policy),
            "policyUid": binding.policy_uid,
            "condition": found and _dense({one: getattr(found, one) for one in _CONDITION}),
        }
    )


def policy_name(organization: str, id_: str) -> str:
    """Return the name of a policy."""
    return f"organizations/{organization}/locations/global/principalAccessBoundaryPolicies/{id_}"


def _common(name: str, one: BoundaryPolicy | PolicyBinding) -> Json:
    return {
        "name": name,
        "uid": one.uid,
        "etag": one.etag,
        "displayName": one.display_name,
        "annotations": one.annotations,
        "createTime": rfc3339(one.created),
        "updateTime": rfc3339(one.updated),
    }


def _dense(members: Json) -> Json:
    return {name: value for name, value in members.items() if value}
