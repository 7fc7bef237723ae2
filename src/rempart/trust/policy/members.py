"""Members of bindings: which are well formed, and which name a given principal.

Identities of pools are named by `principal://` and `principalSet://`, which trust/identity puts
into a `Principal`. Groups and domains of a directory are well formed and match nobody: no policy
takes them anew (`validate.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rempart.core.names import ProjectId
from rempart.core.principal import ALL_AUTHENTICATED_USERS, ALL_USERS, Member

_EMAIL = re.compile(r"[^\s@:]{1,256}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_DOMAIN = re.compile(r"(?=.{1,253}$)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_PROJECT = re.compile(r"(?:[a-z0-9.-]+:)?[a-z0-9-]{1,63}")
_FEDERATED = re.compile(r"//[a-z.]+/[\x21-\x7e]{1,1024}")
_LATER = re.compile(r"\?uid=\d{1,40}$")
"""What follows an email that other accounts had before (docs/adr/0018-name-later-accounts.md)."""

_DELETED = re.compile(r"(user|serviceAccount|group):([^\s?]+)\?uid=\d{1,40}")
_DELETED_PRINCIPAL = re.compile(r"principal(?:Set)?://[a-z.]+/[\x21-\x7e]{1,1024}")
_BASIC_OF = {
    "projectOwner": "roles/owner",
    "projectEditor": "roles/editor",
    "projectViewer": "roles/viewer",
}
_BY_PLACE = "principalSet://cloudresourcemanager.googleapis.com/"
EVERYONE = frozenset((ALL_USERS, ALL_AUTHENTICATED_USERS))
NO_DIRECTORY = (
    "This universe has no directory of groups and domains: people sign in by the identity provider "
    "of a workforce pool. Name a group of it by principalSet://iam.googleapis.com/locations/global/"
    "workforcePools/POOL/group/GROUP, all of a pool by …/POOL/*."
)
"""What whoever names a group or a domain is told."""


@dataclass(frozen=True, slots=True)
class ProjectMember:
    """A convenience member: whoever holds a basic role on a project."""

    role: str
    project: ProjectId


def project_member(member: Member) -> ProjectMember | None:
    """Return what `projectOwner:ID` and its like stand for, None for any other member."""
    kind, _, project = member.partition(":")
    role = _BASIC_OF.get(kind)
    return ProjectMember(role, ProjectId(project)) if role else None


def accounts_of(level: str) -> Member:
    """Return the set of the service accounts in `projects/NUMBER`, `folders/N`, …, as members."""
    return Member(f"{_BY_PLACE}{level}/type/ServiceAccount")


def is_set_by_place(member: Member) -> bool:
    """Tell whether a member is such a set."""
    return member.startswith(_BY_PLACE)


def is_unknowable(member: str) -> bool:
    """Tell whether a member is a group or domain: who is in it is not known here, so none is."""
    return member.startswith(("group:", "domain:"))


def email_alone(member: Member) -> Member:
    """Return a member without what tells a later account from the first one of its email.

    An identity from outside may well have such an ending: it is part of its subject.
    """
    return Member(_LATER.sub("", member)) if member.startswith("serviceAccount:") else member


def canonical(text: str) -> Member | None:
    """Return a member as policies store it (emails in lower case), None if it is malformed."""
    if text in EVERYONE:
        return Member(text)
    kind, _, rest = text.partition(":")
    if kind in ("user", "serviceAccount", "group"):
        email = _LATER.sub("", rest) if kind == "serviceAccount" else rest
        return Member(f"{kind}:{rest.lower()}") if _EMAIL.fullmatch(email) else None
    if kind == "domain":
        return Member(f"domain:{rest.lower()}") if _DOMAIN.fullmatch(rest) else None
    return Member(text) if _well_formed(kind, rest) else None


def _well_formed(kind: str, rest: str) -> bool:
    if kind in _BASIC_OF:
        return _PROJECT.fullmatch(rest) is not None
    if kind in ("principal", "principalSet"):
        return _FEDERATED.fullmatch(rest) is not None
    if kind == "deleted":
        return bool(_DELETED.fullmatch(rest) or _DELETED_PRINCIPAL.fullmatch(rest))
    return False
