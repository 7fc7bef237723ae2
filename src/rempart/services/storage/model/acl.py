"""Access control lists: entries, predefined lists and the IAM bindings that they amount to.

Source: Cloud Storage documentation, "Access control lists (ACLs)".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

import msgspec

from rempart.core.document import Document, items, text
from rempart.core.errors import CloudError, Code, invalid, required
from rempart.core.limits import ACL_ENTRIES_MAX
from rempart.core.policy import Binding, Policy
from rempart.core.principal import ALL_AUTHENTICATED_USERS, ALL_USERS, Member, Principal
from rempart.trust.policy.members import NO_DIRECTORY


@dataclass(frozen=True, slots=True)
class AclEntry:
    """A right of one entity, such as `user-EMAIL`, `project-owners-NUMBER` or `allUsers`."""

    entity: str
    role: str


def told(entries: Iterable[AclEntry]) -> str:
    """Return a list for the log, as JSON: the role of each entity."""
    return msgspec.json.encode({one.entity: one.role for one in entries}).decode()


def is_public(entries: Iterable[AclEntry]) -> bool:
    """Tell whether a list gives something to everybody, signed in or not."""
    return any(one.entity in {ALL_USERS, ALL_AUTHENTICATED_USERS} for one in entries)


BUCKET_ROLES = {
    "OWNER": "roles/storage.legacyBucketOwner",
    "WRITER": "roles/storage.legacyBucketWriter",
    "READER": "roles/storage.legacyBucketReader",
}
OBJECT_ROLES = {
    "OWNER": "roles/storage.legacyObjectOwner",
    "READER": "roles/storage.legacyObjectReader",
}
PROJECT_TEAMS = {"owners": "projectOwner", "editors": "projectEditor", "viewers": "projectViewer"}

_EMAIL = re.compile(r"[^\s@<>]{1,200}@[^\s@<>]{1,200}")
_ENTITY = re.compile(r"(user|group|domain|project-(?:owners|editors|viewers))-(.+)")


def entry(document: Document, roles: dict[str, str]) -> AclEntry:
    """Return the entry that a document describes; groups and domains are refused as in policies."""
    named = entity(text(document, "entity"))
    kind, _, name = named.partition("-")
    if kind in {"group", "domain"}:
        message = f"{kind.capitalize()} {name[:200]} does not exist. {NO_DIRECTORY}"
        raise invalid(message, field="entity")
    return AclEntry(named, role(text(document, "role"), roles))


def entity(given: str) -> str:
    """Return the entity, or raise `invalid`."""
    if not given:
        raise required("An ACL entry needs an entity.", field="entity")
    if given in {ALL_USERS, ALL_AUTHENTICATED_USERS}:
        return given
    match = _ENTITY.fullmatch(given)
    if not match or (match[1] in {"user", "group"} and not _EMAIL.fullmatch(match[2])):
        raise invalid(f"The entity '{given[:80]}' is not valid.", field="entity")
    return given


def role(given: str, roles: dict[str, str]) -> str:
    """Return the role, or raise `invalid`."""
    if not given:
        raise required("An ACL entry needs a role.", field="role")
    if given not in roles:
        raise invalid(
            f"The role '{given[:40]}' is not valid; use {', '.join(roles)}.", field="role"
        )
    return given


def entries(document: Document, name: str, roles: dict[str, str]) -> tuple[AclEntry, ...]:
    """Return the list member of a document; a later entry of an entity replaces an earlier one."""
    found = {item.entity: item for item in (entry(each, roles) for each in items(document, name))}
    if len(found) > ACL_ENTRIES_MAX:
        raise invalid(f"At most {ACL_ENTRIES_MAX} ACL entries are allowed.", field=name)
    return tuple(found.values())


def predefined_bucket(name: str, project: str, owner: str) -> tuple[AclEntry, ...]:
    """Return a predefined bucket ACL."""
    team = _teams(project, {"owners": "OWNER", "editors": "OWNER", "viewers": "READER"})
    lists = {
        "private": (AclEntry(owner, "OWNER"),),
        "projectPrivate": team,
        "publicRead": (*team[:2], AclEntry(ALL_USERS, "READER")),
        "publicReadWrite": (*team[:2], AclEntry(ALL_USERS, "WRITER")),
        "authenticatedRead": (*team[:2], AclEntry(ALL_AUTHENTICATED_USERS, "READER")),
    }
    return _pick(lists, name, "predefinedAcl")


def predefined_object(
    name: str, project: str, owner: str, bucket_owner: tuple[AclEntry, ...], field: str
) -> tuple[AclEntry, ...]:
    """Return a predefined object ACL; `owner` is the uploader's entity."""
    mine = AclEntry(owner, "OWNER")
    lists = {
        "private": (mine,),
        "projectPrivate": (
            *_teams(project, {"owners": "OWNER", "editors": "OWNER", "viewers": "READER"}),
            mine,
        ),
        "publicRead": (mine, AclEntry(ALL_USERS, "READER")),
        "authenticatedRead": (mine, AclEntry(ALL_AUTHENTICATED_USERS, "READER")),
        "bucketOwnerRead": (mine, *(AclEntry(one.entity, "READER") for one in bucket_owner)),
        "bucketOwnerFullControl": (mine, *bucket_owner),
    }
    return _pick(lists, name, field)


def _pick(lists: dict[str, tuple[AclEntry, ...]], name: str, field: str) -> tuple[AclEntry, ...]:
    if name not in lists:
        raise invalid(
            f"'{name[:40]}' is not a predefined ACL; use {', '.join(lists)}.", field=field
        )
    return lists[name]


def _teams(project: str, roles: dict[str, str]) -> tuple[AclEntry, ...]:
    return tuple(AclEntry(f"project-{team}-{project}", role) for team, role in roles.items())


def user_entity(principal: Principal) -> str:
    """Return the entity of a caller; a later account of an email is told apart (ADR 0018)."""
    kind, _, email = principal.member.partition(":")
    if kind == "serviceAccount":
        return f"user-{email}"
    return f"user-{principal.email}" if principal.email else ALL_USERS


@lru_cache(maxsize=1024)
def object_policy(acl: tuple[AclEntry, ...], project: str) -> Policy:
    """Return the IAM policy that an object's ACL amounts to; `project` is the bucket's project."""
    return Policy(
        tuple(Binding(OBJECT_ROLES[one.role], (member(one.entity, project),)) for one in acl)
    )


def bucket_acl(policy: Policy, project: str, number: str) -> tuple[AclEntry, ...]:
    """Return a bucket's policy seen as an ACL: the legacy roles given without a condition."""
    roles = {role: name for name, role in BUCKET_ROLES.items()}
    return tuple(
        AclEntry(entity_of(one, number), roles[binding.role])
        for binding in policy.bindings
        if binding.role in roles and binding.condition is None
        for one in binding.members
    )


def with_bucket_acl(policy: Policy, acl: tuple[AclEntry, ...], project: str) -> Policy:
    """Return the policy with its legacy bucket roles given as the ACL says."""
    kept = [
        binding
        for binding in policy.bindings
        if binding.role not in BUCKET_ROLES.values() or binding.condition is not None
    ]
    for name, role in BUCKET_ROLES.items():
        members = tuple(member(one.entity, project) for one in acl if one.role == name)
        if members:
            kept.append(Binding(role, members))
    return replace(policy, bindings=tuple(kept))


def entity_of(member: Member, number: str) -> str:
    """Return a member as ACLs name it."""
    kind, _, rest = member.partition(":")
    for team, name in PROJECT_TEAMS.items():
        if kind == name:
            return f"project-{team}-{number}"
    if kind in {"user", "serviceAccount"}:
        return f"user-{rest}"
    return f"{kind}-{rest}" if rest else member


def member(entity: str, project: str) -> Member:
    """Return an ACL entity as IAM names it."""
    if entity in {ALL_USERS, ALL_AUTHENTICATED_USERS}:
        return Member(entity)
    match = _ENTITY.fullmatch(entity)
    kind, rest = (match[1], match[2]) if match else ("unknown", entity)
    if kind == "user":
        # What follows `?uid=` tells a later account of an email from the first one (ADR 0018).
        email = rest.partition("?uid=")[0]
        prefix = "serviceAccount" if email.endswith(".gserviceaccount.com") else "user"
        return Member(f"{prefix}:{rest}")
    if kind.startswith("project-"):
        return Member(f"{PROJECT_TEAMS[kind.removeprefix('project-')]}:{project}")
    return Member(f"{kind}:{rest}")


def refuse_under_uniform(*, uniform: bool, what: str) -> None:
    """Raise Google's refusal of ACLs where uniform bucket-level access is on."""
    if uniform:
        message = (
            f"Cannot use ACL API to {what} when uniform bucket-level access is enabled. See"
            " https://cloud.google.com/storage/docs/uniform-bucket-level-access"
        )
        raise CloudError(Code.INVALID_ARGUMENT, message, reason="invalid")
