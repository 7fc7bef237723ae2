"""Deny policies as JSON, and what is refused of them.

Source: google.iam.v2.Policy and DenyRule; Google's pages on deny policies and on IAM's quotas. A
permission that no role of this universe carries cannot be denied, as none could hold it; a mistyped
one would deny nothing, unseen. Conditions may read what conditions of bindings may: Google admits
tags alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from rempart.core.clock import rfc3339
from rempart.core.document import items, only, pairs, section, strings, text
from rempart.core.errors import CloudError, invalid
from rempart.core.policy import Condition
from rempart.trust.policy.conditions import EXPRESSION_CHARS_MAX, check
from rempart.trust.policy.deny import (
    EVERYBODY,
    GROUP,
    RULES_PER_LEVEL_MAX,
    UNDENIABLE,
    DenyPolicy,
    DenyRule,
    permission_pattern,
)
from rempart.trust.policy.members import NO_DIRECTORY
from rempart.trust.policy.roles import PERMISSIONS

Json = dict[str, object]

PRINCIPALS_MAX = 2500
GROUPS_MAX = 500
DISPLAY_NAME_CHARS_MAX = 63
ANNOTATION_KEY_CHARS_MAX = 63
ANNOTATION_VALUE_CHARS_MAX = 255
ANNOTATIONS_MAX = 64
DESCRIPTION_CHARS_MAX = 256

_ID = re.compile(r"[a-z][a-z0-9.-]{2,62}")
_EMAIL = r"[^\s@/?]{1,256}@[A-Za-z0-9][A-Za-z0-9.-]{0,252}"
_DELETABLE = (
    rf"(?:principal://goog/subject/|principalSet://goog/group/"
    rf"|principal://iam\.googleapis\.com/projects/-/serviceAccounts/){_EMAIL}"
)
_POOL = (
    r"iam\.googleapis\.com/(?:locations/global/workforcePools/[a-z0-9-]+"
    r"|projects/[0-9]+/locations/global/workloadIdentityPools/[a-z0-9-]+)"
)
_PRINCIPAL = re.compile(
    rf"{_DELETABLE}|deleted:{_DELETABLE}\?uid=[0-9]{{1,40}}"
    rf"|(?:deleted:)?principal://{_POOL}/subject/[\x21-\x7e]{{1,256}}"
    rf"|principalSet://{_POOL}/(?:\*|(?:group|attribute\.[a-z0-9_]+)/[\x21-\x7e]{{1,256}})"
    r"|principalSet://goog/cloudIdentityCustomerId/[A-Za-z0-9]+"
    r"|principalSet://cloudresourcemanager\.googleapis\.com/"
    r"(?:projects|folders|organizations)/[0-9]+/type/ServiceAccount"
)
_CONDITION = {
    "expression": EXPRESSION_CHARS_MAX,
    "title": 100,
    "description": 256,
    "location": 256,
}


def checked_id(text_: str) -> str:
    """Return the id that a new policy is to have."""
    if not _ID.fullmatch(text_):
        message = (
            "policyId has 3 to 63 characters, a-z, 0-9, hyphens and dots; a letter comes first."
        )
        raise invalid(message, field="policyId")
    return text_


def display_name(document: Mapping[str, object]) -> str:
    """Return the name that people see."""
    return limited(document, "displayName", DISPLAY_NAME_CHARS_MAX, "displayName")


def notes(document: Mapping[str, object]) -> dict[str, str]:
    """Return the annotations."""
    found = pairs(document, "annotations")
    long = any(
        len(key) > ANNOTATION_KEY_CHARS_MAX or len(value) > ANNOTATION_VALUE_CHARS_MAX
        for key, value in found.items()
    )
    if long or len(found) > ANNOTATIONS_MAX:
        message = (
            f"annotations have up to {ANNOTATION_KEY_CHARS_MAX} characters, their values "
            f"{ANNOTATION_VALUE_CHARS_MAX}; there are up to {ANNOTATIONS_MAX}."
        )
        raise invalid(message, field="annotations")
    return found


def rules(document: Mapping[str, object]) -> tuple[DenyRule, ...]:
    """Return the rules that a policy's JSON asks for."""
    found = items(document, "rules")
    if not found or len(found) > RULES_PER_LEVEL_MAX:
        raise invalid(f"A policy has 1 to {RULES_PER_LEVEL_MAX} rules.", field="rules")
    made = tuple(_rule(one, f"rules[{index}]") for index, one in enumerate(found))
    every = [who for one in made for who in (*one.principals, *one.exempt_principals)]
    groups = sum("/group/" in who for who in every)
    if len(every) > PRINCIPALS_MAX or groups > GROUPS_MAX:
        message = f"A policy names up to {PRINCIPALS_MAX} principals, and {GROUPS_MAX} groups."
        raise invalid(message, field="rules")
    return made


def _rule(document: Mapping[str, object], where: str) -> DenyRule:
    only(document, "denyRule", "description")
    rule = section(document, "denyRule")
    where = f"{where}.denyRule"
    only(
        rule,
        "deniedPrincipals",
        "exceptionPrincipals",
        "deniedPermissions",
        "exceptionPermissions",
        "denialCondition",
    )
    made = DenyRule(
        principals=_principals(rule, "deniedPrincipals", where),
        exempt_principals=_principals(rule, "exceptionPrincipals", where),
        permissions=_permissions(rule, "deniedPermissions", where),
        exempt_permissions=_permissions(rule, "exceptionPermissions", where),
        condition=_condition(rule, where),
        description=limited(document, "description", DESCRIPTION_CHARS_MAX, where),
    )
    if not made.principals or not made.permissions:
        raise invalid(f"{where} has no deniedPrincipals or no deniedPermissions.", field=where)
    return made


def _principals(rule: Mapping[str, object], name: str, where: str) -> tuple[str, ...]:
    found = strings(rule, name)
    for one in found:
        if one.startswith(GROUP):
            message = f"Group {one.removeprefix(GROUP)[:200]} does not exist. {NO_DIRECTORY}"
            raise invalid(message, field=f"{where}.{name}")
        everybody = one == EVERYBODY and name == "deniedPrincipals"
        if not everybody and not _PRINCIPAL.fullmatch(one):
            raise invalid(
                f"{one[:200]!r} is no principal identifier that {name} takes.",
                field=f"{where}.{name}",
            )
    return tuple(dict.fromkeys(found))


def _permissions(rule: Mapping[str, object], name: str, where: str) -> tuple[str, ...]:
    found = strings(rule, name)
    for one in found:
        pattern = permission_pattern(one)
        if pattern is None or not _deniable(pattern):
            raise invalid(
                f"{one[:200]!r} is no permission that a deny policy can name, in the form "
                "SERVICE.googleapis.com/RESOURCE.VERB.",
                field=f"{where}.{name}",
            )
    return tuple(dict.fromkeys(found))


def _deniable(pattern: str) -> bool:
    if pattern.startswith(UNDENIABLE):
        return False
    return pattern in PERMISSIONS or (
        "*" in pattern and any(fnmatchcase(known, pattern) for known in PERMISSIONS)
    )


def _condition(rule: Mapping[str, object], where: str) -> Condition | None:
    if rule.get("denialCondition") is None:
        return None
    found, where = section(rule, "denialCondition"), f"{where}.denialCondition"
    only(found, *_CONDITION)
    texts = {name: limited(found, name, most, where) for name, most in _CONDITION.items()}
    try:
        check(texts["expression"])
    except CloudError as problem:
        raise invalid(f"{where}: {problem.message}", field=f"{where}.expression") from problem
    return Condition(**texts)


def limited(document: Mapping[str, object], name: str, most: int, where: str) -> str:
    """Return a text of a document that has up to so many characters."""
    found = text(document, name)
    if len(found) > most:
        raise invalid(f"{name} has up to {most} characters.", field=where)
    return found


def policy_json(name: str, policy: DenyPolicy, *, whole: bool = True) -> Json:
    """Return a policy; a listing leaves out its rules."""
    shown: Json = {
        "name": name,
        "uid": policy.uid,
        "kind": "DenyPolicy",
        "displayName": policy.display_name,
        "annotations": policy.annotations,
        "etag": policy.etag,
        "createTime": rfc3339(policy.created),
        "updateTime": rfc3339(policy.updated),
        "rules": [_rule_json(rule) for rule in policy.rules] if whole else [],
    }
    return _dense(shown)


def _rule_json(rule: DenyRule) -> Json:
    condition = rule.condition
    shown: Json = {
        "deniedPrincipals": list(rule.principals),
        "exceptionPrincipals": list(rule.exempt_principals),
        "deniedPermissions": list(rule.permissions),
        "exceptionPermissions": list(rule.exempt_permissions),
        "denialCondition": condition
        and _dense({one: getattr(condition, one) for one in _CONDITION}),
    }
    return _dense({"description": rule.description, "denyRule": _dense(shown)})


def _dense(members: Json) -> Json:
    return {name: value for name, value in members.items() if value}
