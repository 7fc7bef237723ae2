"""What `setIamPolicy` accepts, and policies in the JSON shape of google.iam.v1.

Refused by name: malformed members, roles that do not exist or do not belong on the resource,
conditions that do not compile, and anything beyond the limits. A policy is stored canonically:
bindings of one role and condition are one binding, members are sorted and occur once.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from rempart.core.clock import Random
from rempart.core.errors import CloudError, invalid, precondition_failed
from rempart.core.limits import (
    POLICY_BYTES_MAX,
    POLICY_CONDITIONS_OF_A_ROLE_MAX,
    POLICY_GROUPS_MAX,
    POLICY_MEMBERS_MAX,
)
from rempart.core.policy import Binding, Condition, Policy
from rempart.core.principal import Member
from rempart.trust.policy.around import Around
from rempart.trust.policy.audit_configs import audit_to_json
from rempart.trust.policy.conditions import EXPRESSION_CHARS_MAX, check
from rempart.trust.policy.members import EVERYONE, NO_DIRECTORY, canonical, is_unknowable
from rempart.trust.policy.roles import BASIC, ROLES, Level
from rempart.trust.policy.roles.custom import key_parts

CONDITION_VERSION = 3
VERSIONS = frozenset((0, 1, CONDITION_VERSION))
_CONDITION_TEXTS = {
    "expression": EXPRESSION_CHARS_MAX,
    "title": 100,
    "description": 256,
    "location": 256,
}
"""The texts of a condition and their limits in characters."""

NO_POLICY = Policy()
_ETAG_BYTES = 8


@dataclass(frozen=True, slots=True)
class Place:
    """Where a policy is going: the level, what is around it, and what the resource forbids.

    `public` is False under enforced public-access prevention; `conditions` is False where the
    resource takes none (a bucket without uniform access). `missing` are the service accounts that
    the request names and that there are none of.
    """

    level: Level
    around: Around
    public: bool = True
    conditions: bool = True
    missing: frozenset[Member] = frozenset()


def new_etag(random: Random) -> str:
    """Return a fresh etag, in the base64 that Google's JSON carries."""
    return b64encode(random(_ETAG_BYTES)).decode()


def policy_from_json(
    document: Mapping[str, object], place: Place, *, etag: str, old: Policy = NO_POLICY
) -> Policy:
    """Return the policy that a request's JSON asks for, with a new etag, in place of `old`.

    Members who can be nobody are refused, but where the old policy names them already: whoever
    changes something else of it, or takes them away one by one, must not fail by them.
    Raises `invalid` naming the binding at fault. Whether the request's own etag still matches
    is the caller's question, before this.
    """
    version = document.get("version", 1)
    if type(version) is not int or version not in VERSIONS:
        raise invalid("Policy version must be 0, 1 or 3.", field="version")
    bindings = document.get("bindings", [])
    if not isinstance(bindings, list):
        raise invalid("Policy bindings must be a list.", field="bindings")
    parsed = [_binding(item, f"bindings[{index}]") for index, item in enumerate(bindings)]
    had = frozenset(member for binding in old.bindings for member in binding.members)
    for index, binding in enumerate(parsed):
        _check(binding, place, f"bindings[{index}]", version)
        _check_members(binding.members, place, had, f"bindings[{index}].members")
    policy = Policy(_merged(parsed), etag, CONDITION_VERSION if _conditional(parsed) else 1)
    _check_conditions_of_a_role(policy)
    return checked_size(policy)


def policy_to_json(policy: Policy, *, requested_version: int = 1) -> dict[str, object]:
    """Return a policy as google.iam.v1 JSON; the storage service adds its `kind`.

    A caller that asked for a version below 3 gets no conditional bindings' conditions: like
    Google, such bindings then carry a role that grants nothing, so that writing them back
    cannot drop a condition unseen.
    """
    plain = requested_version < CONDITION_VERSION
    shown: dict[str, object] = {
        "version": 1 if plain else policy.version,
        "etag": policy.etag,
        "bindings": [_to_json(binding, plain=plain) for binding in policy.bindings],
    }
    return shown | ({"auditConfigs": audit_to_json(policy.audit)} if policy.audit else {})


def _to_json(binding: Binding, *, plain: bool) -> dict[str, object]:
    shown: dict[str, object] = {"role": binding.role, "members": list(binding.members)}
    condition = binding.condition
    if condition is None:
        return shown
    if plain:
        return shown | {"role": f"{binding.role}_withcond_{_mark(condition)}"}
    return shown | {"condition": condition_json(condition)}


def condition_json(condition: Condition) -> dict[str, object]:
    """Return a condition as google.type.Expr."""
    texts = {
        "title": condition.title,
        "description": condition.description,
        "expression": condition.expression,
        "location": condition.location,
    }
    return {name: text for name, text in texts.items() if text}


def _mark(condition: Condition) -> str:
    content = f"{condition.expression}\x00{condition.title}\x00{condition.description}"
    return hashlib.sha256(content.encode()).hexdigest()[:20]


def _binding(item: object, where: str) -> Binding:
    if not isinstance(item, dict):
        raise invalid(f"{where} must be an object.", field=where)
    role, members = item.get("role"), item.get("members", [])
    if not isinstance(role, str) or not role:
        raise invalid(f"{where} has no role.", field=f"{where}.role")
    if not isinstance(members, list):
        raise invalid(f"{where} has no list of members.", field=f"{where}.members")
    parsed = {_member(member, f"{where}.members") for member in members}
    return Binding(role, tuple(sorted(parsed)), _condition(item.get("condition"), where))


def _member(text: object, where: str) -> Member:
    member = canonical(text) if isinstance(text, str) else None
    if member is None:
        raise invalid(f"Invalid member in {where}: {str(text)[:200]!r}", field=where)
    return member


def _condition(item: object, where: str) -> Condition | None:
    field = f"{where}.condition"
    if item is None:
        return None
    if not isinstance(item, dict):
        raise invalid(f"{field} must be an object.", field=field)
    texts = {name: item.get(name, "") for name in _CONDITION_TEXTS}
    for name, text in texts.items():
        if not isinstance(text, str) or len(text) > _CONDITION_TEXTS[name]:
            raise invalid(f"{field}.{name} is not a text, or too long.", field=f"{field}.{name}")
    if not texts["title"]:
        raise invalid(f"{field} has no title.", field=f"{field}.title")
    return Condition(**texts)


def _check(binding: Binding, place: Place, where: str, version: int) -> None:
    _check_role(binding.role, place, f"{where}.role")
    if not place.public and not EVERYONE.isdisjoint(binding.members):
        raise precondition_failed(
            "The member bindings allUsers and allAuthenticatedUsers are not allowed since public "
            "access prevention is enforced.",
            field=where,
        )
    if binding.condition is not None:
        _check_condition(binding, binding.condition, place, where, version)


def _check_members(
    members: Iterable[Member], place: Place, had: frozenset[Member], field: str
) -> None:
    for member in members:
        if member in had:
            continue
        if member in place.missing:
            email = member.partition(":")[2]
            raise invalid(f"Service account {email} does not exist.", field=field)
        if is_unknowable(member):
            raise invalid(f"{_named(member)} does not exist. {NO_DIRECTORY}", field=field)


def _named(member: Member) -> str:
    kind, _, name = member.partition(":")
    return f"{kind.capitalize()} {name[:200]}"


def _check_role(name: str, place: Place, field: str) -> None:
    if key_parts(name) is not None:
        custom = place.around.roles.get(name)
        if custom is None or custom.deleted is not None:
            raise invalid(
                f"Role ({name[:200]}) does not exist in the resource's hierarchy.", field=field
            )
        return
    role = ROLES.get(name)
    if role is None or place.level not in role.levels:
        raise invalid(f"Role {name[:200]} is not supported for this resource.", field=field)


def _check_condition(
    binding: Binding, condition: Condition, place: Place, where: str, version: int
) -> None:
    field = f"{where}.condition"
    if version != CONDITION_VERSION:
        raise invalid("A policy with conditions must have version 3.", field="version")
    if not place.conditions:
        raise invalid("This resource takes no conditions.", field=field)
    if binding.role in BASIC:
        raise invalid("Conditions can't be set on basic roles.", field=field)
    if not EVERYONE.isdisjoint(binding.members):
        raise invalid("Conditions can't be set for allUsers or allAuthenticatedUsers.", field=field)
    try:
        check(condition.expression)
    except CloudError as problem:
        raise invalid(f"{field}: {problem.message}", field=f"{field}.expression") from problem


def _merged(bindings: Iterable[Binding]) -> tuple[Binding, ...]:
    """Return one binding for each role and condition; those without members vanish."""
    members: dict[tuple[str, Condition | None], set[Member]] = {}
    for binding in bindings:
        members.setdefault((binding.role, binding.condition), set()).update(binding.members)
    return tuple(
        Binding(role, tuple(sorted(named)), condition)
        for (role, condition), named in members.items()
        if named
    )


def _check_conditions_of_a_role(policy: Policy) -> None:
    counted = Counter(
        (binding.role, member)
        for binding in policy.bindings
        if binding.condition
        for member in binding.members
    )
    for (role, member), count in counted.items():
        if count > POLICY_CONDITIONS_OF_A_ROLE_MAX:
            raise invalid(
                f"The policy grants {role} to {member} under {count} conditions; "
                f"{POLICY_CONDITIONS_OF_A_ROLE_MAX} are allowed.",
                field="bindings",
            )


def checked_size(policy: Policy) -> Policy:
    """Return a policy that is within the limits of members, groups and bytes, or raise."""
    members = [member for binding in policy.bindings for member in binding.members]
    if len(members) > POLICY_MEMBERS_MAX:
        raise invalid(f"The policy names {len(members)} members; {POLICY_MEMBERS_MAX} are allowed.")
    groups = sum(member.startswith(("group:", "domain:")) for member in members)
    if groups > POLICY_GROUPS_MAX:
        raise invalid(
            f"The policy names {groups} groups and domains; {POLICY_GROUPS_MAX} are allowed."
        )
    size = len(msgspec.json.encode(policy))
    if size > POLICY_BYTES_MAX:
        raise invalid(f"The policy has {size} bytes; {POLICY_BYTES_MAX} are allowed.")
    return policy


def _conditional(bindings: Iterable[Binding]) -> bool:
    return any(binding.condition is not None for binding in bindings)
