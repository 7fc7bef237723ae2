"""Deny policies: rules that refuse a permission whatever is granted, on a level and all below it.

The IAM API writes them; the decision asks them first. A rule whose condition cannot be evaluated
denies. The permissions on deny policies themselves are never denied: else a mistaken rule could
lock out everybody who might take it back.

Source: google.iam.v2.DenyRule; Google's pages on deny policies and on principal identifiers.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

import msgspec

from rempart.core.clock import Micros
from rempart.core.policy import Condition
from rempart.core.principal import ALL_USERS, AS_IT_IS, Member
from rempart.trust.custody.kind import Found, Kind
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.changes import Concluded, everything
from rempart.trust.policy.members import email_alone

POLICIES_PER_LEVEL_MAX = 500
RULES_PER_LEVEL_MAX = 500
UNDENIABLE = "iam.denypolicies."
EVERYBODY = "principalSet://goog/public:all"

_ACCOUNT = "principal://iam.googleapis.com/projects/-/serviceAccounts/"
_USER = "principal://goog/subject/"
GROUP = "principalSet://goog/group/"
_OF_POOL = re.compile(r"(principal(?:Set)?://iam\.[^\x00]*?/(?:subject|group|attribute\.\w+)/)(.+)")
_PATTERN = re.compile(r"([a-z][a-z0-9-]*)\.googleapis\.com/(\*|[A-Za-z0-9]+)\.(\*|[A-Za-z]+)")
_SERVICES = {"cloudresourcemanager": "resourcemanager"}
"""Names of services whose permissions begin otherwise."""


class DenyRule(msgspec.Struct, frozen=True, kw_only=True):
    """Who is denied what, as the API has it."""

    principals: tuple[str, ...] = ()
    exempt_principals: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    exempt_permissions: tuple[str, ...] = ()
    condition: Condition | None = None
    description: str = ""


class DenyPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A deny policy; the level that it is attached to and its id are its key."""

    uid: str
    etag: str
    created: Micros
    updated: Micros
    display_name: str = ""
    annotations: dict[str, str] = {}
    rules: tuple[DenyRule, ...] = ()


DENY_POLICIES: Kind[DenyPolicy] = Kind(b"1", DenyPolicy, hot=4096)
"""By `projects`, `folders` or `organizations`, the id, the policy's id."""


@dataclass(frozen=True, slots=True)
class Denial:
    """A rule made ready for questions, for one permission that it covers."""

    principals: frozenset[Member]
    exempt: frozenset[Member]
    expression: str

    def names(self, who: tuple[Member, ...]) -> bool:
        """Tell whether the rule names somebody of these names, and spares none of them.

        A rule that names an email denies every account that gets it; an exemption is for the one
        that had it first (docs/adr/0018-name-later-accounts.md).
        """
        return not self.principals.isdisjoint(denied_names(who)) and self.exempt.isdisjoint(who)


@dataclass(frozen=True, slots=True)
class Made:
    """A rule made ready, and which permissions it covers."""

    denial: Denial
    covers: Callable[[str], bool]


_Index = Mapping[Member, list[Denial]]
"""Rules by whom they deny."""


class Denials:
    """The rules of every level, remembered while no deny policy changes."""

    def __init__(self, sealed: SealedEngine) -> None:
        self._sealed = sealed
        self._rules: Concluded[str, tuple[Made, ...]] = Concluded(
            sealed, (DENY_POLICIES,), self._load
        )
        self._about: Concluded[tuple[tuple[str, ...], str], _Index] = Concluded(
            sealed, (DENY_POLICIES,), self._select
        )
        self._any: Concluded[str, bool] = Concluded(sealed, (DENY_POLICIES,), self._exists)

    async def exist(self) -> bool:
        """Tell whether there is any deny policy in the universe."""
        return await self._any.of("")

    async def at(
        self, levels: tuple[str, ...], permission: str, who: tuple[Member, ...]
    ) -> list[Denial]:
        """Return the rules on these levels about a permission and somebody whom `who` names."""
        about = await self._about.of((levels, permission))
        return [
            denial
            for member in denied_names(who)
            for denial in about.get(member, ())
            if denial.names(who)
        ]

    async def _select(self, asked: tuple[tuple[str, ...], str]) -> _Index:
        levels, permission = asked
        found: defaultdict[Member, list[Denial]] = defaultdict(list)
        for level in levels:
            for rule in await self._rules.of(level):
                for member in rule.denial.principals if rule.covers(permission) else ():
                    found[member].append(rule.denial)
        return dict(found)

    async def _exists(self, _: str) -> bool:
        return bool(await self._sealed.scan(DENY_POLICIES, DENY_POLICIES.under(), limit=1))

    async def _load(self, level: str) -> tuple[Made, ...]:
        span = DENY_POLICIES.under(*level.split("/"))
        found = await everything(self._sealed, DENY_POLICIES, span)
        return tuple([made(rule) for one in found for rule in one.value.rules])

    async def policies(self, level: str) -> list[Found[DenyPolicy]]:
        """Return the deny policies of a level."""
        return await everything(self._sealed, DENY_POLICIES, DENY_POLICIES.under(*level.split("/")))


def denied_names(who: tuple[Member, ...]) -> tuple[Member, ...]:
    """Return by what names rules may deny somebody."""
    return tuple(dict.fromkeys((*who, *map(email_alone, who))))


def made(rule: DenyRule) -> Made:
    """Return a rule made ready for questions."""
    denial = Denial(
        frozenset(map(member_of, rule.principals)),
        frozenset(map(member_of, rule.exempt_principals)),
        rule.condition.expression if rule.condition else "",
    )
    denied, exempt = matcher(rule.permissions), matcher(rule.exempt_permissions)

    def covers(permission: str) -> bool:
        return (
            denied.fullmatch(permission) is not None
            and exempt.fullmatch(permission) is None
            and not permission.startswith(UNDENIABLE)
        )

    return Made(denial, covers)


def member_of(principal: str) -> Member:
    """Return the member, as bindings name it, that a principal identifier of IAM v2 means.

    However much of a subject, group or attribute is percent-encoded: a rule that was written
    otherwise than members are would deny nobody.
    """
    if principal == EVERYBODY:
        return ALL_USERS
    for prefix, kind in ((_ACCOUNT, "serviceAccount"), (_USER, "user"), (GROUP, "group")):
        if principal.startswith(prefix):
            return Member(f"{kind}:{unquote(principal.removeprefix(prefix)).lower()}")
    of_pool = _OF_POOL.fullmatch(principal)
    return Member(of_pool[1] + quote(unquote(of_pool[2]), safe=AS_IT_IS) if of_pool else principal)


def permission_pattern(text: str) -> str | None:
    """Return a permission of the form `SERVICE/RESOURCE.VERB` as a pattern of ours.

    `*` stands for any resource, any verb, or both. None is the answer for what is malformed.
    """
    found = _PATTERN.fullmatch(text)
    if found is None:
        return None
    service, resource, verb = found.groups()
    return ".".join((_SERVICES.get(service, service), resource, verb))


def matcher(permissions: Iterable[str]) -> re.Pattern[str]:
    """Return what matches any of these permissions; of none, what matches nothing."""
    patterns = [pattern for text in permissions if (pattern := permission_pattern(text))]
    return re.compile("|".join(map(_expression, patterns)) or r"(?!)")


def _expression(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", r"[A-Za-z0-9]+")
