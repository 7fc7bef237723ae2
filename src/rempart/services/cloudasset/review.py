"""The review of rights: what an operator looks through each quarter, and each year in whole.

Lists of the state of now: who has which right where; technical accounts, their keys and who may act
as them; basic roles; rights that must not meet in one hand, and do. Source: SecNumCloud 3.2,
9.3.d to 9.3.f, 9.4.b and 9.4.c. Signed as the universe: docs/spec/review.md.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from rempart.core.clock import Micros, rfc3339
from rempart.core.names import ProjectId
from rempart.core.policy import Policy
from rempart.core.principal import Member
from rempart.services.answers.places import MANAGER, above, level
from rempart.services.answers.rights import Right, Rights, Seen, Selected
from rempart.services.iam.held import accounts
from rempart.services.recommender.unused import Recommendation, Unused
from rempart.trust.custody.transaction import Transaction
from rempart.trust.identity.accounts import ACCOUNT_ENTRIES, KEYS, ServiceAccount
from rempart.trust.identity.issuer import Issuer
from rempart.trust.policy.duties import Duty, conflicts
from rempart.trust.policy.members import EVERYONE
from rempart.trust.policy.roles import BASIC
from rempart.trust.policy.roles.custom import key_parts
from rempart.trust.witness.leaf import FEED

Json = dict[str, object]
ACTING = frozenset(
    f"iam.serviceAccounts.{verb}"
    for verb in ("actAs", "getAccessToken", "getOpenIdToken", "implicitDelegation", "signBlob")
) | frozenset(("iam.serviceAccounts.signJwt", "iam.serviceAccountKeys.create"))
"""What lets somebody act as a service account, or make a key that does."""

TYPE = "rights-review+jwt"
_STATED = ("review", "time", "scopes", "log", "complete", "digest")
"""What the certificate of a review repeats."""

_UNDIGESTED = frozenset(("digest", "certificate"))
_DAY = 86_400_000_000


@dataclass(slots=True)
class _Found:
    """What the walk collects."""

    rights: list[Json] = field(default_factory=list)
    basic: list[Json] = field(default_factory=list)
    public: list[Json] = field(default_factory=list)
    unused: list[Json] = field(default_factory=list)
    acting: list[tuple[str, Json]] = field(default_factory=list)
    projects: list[ProjectId] = field(default_factory=list)
    policies: dict[str, Policy] = field(default_factory=dict)
    over: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lying: dict[str, tuple[str, ...]] = field(default_factory=dict)
    custom: dict[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reviews:
    """Makes the lists, and signs them as `issuer`."""

    rights: Rights
    duties: tuple[Duty, ...]
    unused: Unused
    issuer: Issuer

    async def of(self, scopes: list[str], now: Micros, tx: Transaction, *, yearly: bool) -> Json:
        """Return the review of some levels and of all below them, as a document.

        `digest` is SHA-256 over all else in canonical JSON (sorted names, no blanks, UTF-8), and
        `certificate` a signed statement of that. The log's length is read first: what the log tells
        up to there is in the lists.
        """
        length, seen, found = await tx.length(FEED), Seen(), _Found()
        chain = (await tx.entries(FEED, length - 1, limit=1))[0].chain.hex() if length else ""
        look = self.unused.look(tx, now)
        async for right in self.rights.under(scopes, Selected(), now, seen, tx):
            self._note(right, found)
        for scope in scopes:
            async for held in self.rights.places.under(scope, tx):
                if held.name.service == MANAGER:
                    found.unused += [_unused(one) async for one in look.under(held.name.name)]
                if held.name.type == f"{MANAGER}/Project" and held.resource.project:
                    found.projects.append(held.resource.project)
        technical, keys = await _technical(found, now, tx)
        document: Json = {
            "review": "yearly" if yearly else "quarterly",
            "time": rfc3339(now),
            "scopes": scopes,
            "log": {"feed": FEED, "entries": length, "head": chain},
            "complete": seen.complete,
            "policiesRead": seen.policies,
            "technicalAccounts": technical,
            "keys": keys,
            "basicRoles": found.basic,
            "everyone": found.public,
            "incompatible": self._incompatible(found),
            "unused": found.unused,
            "unusedKnown": await look.sure(),
        }
        if yearly:
            document["rights"] = found.rights
        document["digest"] = digest(document)
        claims = {name: document[name] for name in _STATED}
        return document | {"certificate": self.issuer.statement(TYPE, claims, now)}

    def _note(self, right: Right, found: _Found) -> None:
        held, binding = right.held, right.binding
        found.policies[held.full], found.over[held.full] = held.policy, right.above
        if key_parts(binding.role) is not None:
            found.custom[binding.role] = right.permissions
        condition = binding.condition.expression if binding.condition else ""
        for member in binding.members:
            row: Json = {"resource": held.full, "role": binding.role, "member": member}
            row |= {"condition": condition} if condition else {}
            found.rights.append(row)
            if binding.role in BASIC:
                found.basic.append(row)
            if member in EVERYONE:
                found.public.append(row)
            ways = sorted(right.permissions & ACTING)
            if ways:
                found.acting.append((held.full, row | {"permissions": ways}))

    def _incompatible(self, found: _Found) -> list[Json]:
        """Return who holds both sides of a duty, at the highest place where both apply."""
        rows, told = list[Json](), set[tuple[Member, str]]()
        # The highest place comes first: what meets there already meets in all below it.
        for full in sorted(found.policies, key=lambda one: len(found.over[one])):
            policies = [found.policies[one] for one in found.over[full] if one in found.policies]
            for member, duty in conflicts(self.duties, policies, found.custom):
                if (member, duty.name) not in told:
                    told.add((member, duty.name))
                    row: Json = {"member": member, "rule": duty.name, "resource": full}
                    rows.append(row | ({"reason": duty.reason} if duty.reason else {}))
        return rows


def digest(document: Json) -> str:
    """Return the digest line of a review: of everything in it but that and the certificate."""
    rest = {name: value for name, value in document.items() if name not in _UNDIGESTED}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def _unused(one: Recommendation) -> Json:
    given = one.given
    row: Json = {"resource": given.resource, "role": given.role, "member": given.member}
    return row | ({"condition": given.condition} if given.condition else {})


async def _technical(found: _Found, now: Micros, tx: Transaction) -> tuple[list[Json], list[Json]]:
    """Return the technical accounts with who may act as each, and their keys."""
    shown, keys = list[Json](), list[Json]()
    for project in sorted(set(found.projects)):
        async for account in accounts(project, tx):
            full = f"//{account.resource.name.service}/{account.resource.name.name}"
            row: Json = {
                "account": account.member,
                "project": account.project,
                "created": rfc3339(account.created),
                "disabled": account.disabled,
                "actedAsBy": await _acting(full, found, tx),
            }
            shown.append(row)
            keys += await _keys(account, now, tx)
    return shown, keys


async def _acting(full: str, found: _Found, tx: Transaction) -> list[Json]:
    places = {full, f"//{MANAGER}/projects/{full.split('/')[4]}"}
    places |= set(await _over(f"//{MANAGER}/projects/{full.split('/')[4]}", found, tx))
    return [row for at, row in found.acting if at in places]


async def _over(project: str, found: _Found, tx: Transaction) -> tuple[str, ...]:
    known = found.lying.get(project)
    if known is None:
        held = await level(project.removeprefix(f"//{MANAGER}/"), tx)
        known = (project, *await above(held, tx)) if held else ()
        found.lying[project] = known
    return known


async def _keys(account: ServiceAccount, now: Micros, tx: Transaction) -> list[Json]:
    entry = await tx.get(ACCOUNT_ENTRIES, account.unique_id)
    rows = list[Json]()
    for id_ in entry.keys if entry else ():
        key = await tx.get(KEYS, id_)
        if key is None:
            continue
        row: Json = {
            "account": account.member,
            "key": id_,
            "created": rfc3339(key.created),
            "ageDays": (now - key.created) // _DAY,
            "usable": key.usable(now),
            "uploaded": key.uploaded,
        }
        rows.append(row | ({"expires": rfc3339(key.expires)} if key.expires else {}))
    return rows
