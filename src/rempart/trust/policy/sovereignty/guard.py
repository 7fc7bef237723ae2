"""The guard of sovereignty: staff act under the rules, vendors not at all, labels are not lowered.

Only the operator's people are judged: who is in the register, or has an account under one of the
operator's domains. Without a file of rules, all that is asked is whether a label is lowered.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Protocol

from rempart.core.call import Call
from rempart.core.clock import Micros
from rempart.core.errors import CloudError, ErrorInfo, denied
from rempart.core.labels import SENSITIVITY
from rempart.core.method import Access
from rempart.core.policy import Resource
from rempart.core.principal import Principal
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.policy.expressions import value
from rempart.trust.policy.guard import SILENT, Asked, Opinion
from rempart.trust.policy.hierarchy import find_project
from rempart.trust.policy.perimeters.geography import Geography, parse_ip
from rempart.trust.policy.sovereignty import approvals
from rempart.trust.policy.sovereignty.actions import classes
from rempart.trust.policy.sovereignty.register import Person, canonical, today
from rempart.trust.policy.sovereignty.rules import Rule, Rules, Variables, applies
from rempart.trust.policy.sovereignty.sensitivity import LOWER, asked_for, level, lowers
from rempart.trust.policy.sovereignty.staff import Staff
from rempart.trust.policy.watched import Watched

RULES_FILE = "sovereignty.toml"
DOMAIN = "rempart"
_LABELLING = frozenset(
    (
        "storage.buckets.patch",
        "storage.buckets.update",
        "cloudresourcemanager.projects.patch",
        "cloudresourcemanager.projects.update",
    )
)
_NEW = frozenset(("storage.buckets.insert", "cloudresourcemanager.projects.create"))
_GRANTING = frozenset(("members", "entity", "identities"))
"""The members of a request that name who gets something."""

_DEPTH_MAX = 32
_MANY = 1_000
"""More approvals than any rule asks for."""

_log = logging.getLogger(__name__)


class Decision(Protocol):
    """What is asked of IAM: whether a caller has the permission to lower a label."""

    async def allowed(
        self, principal: Principal, permission: str, resource: Resource, *, time: Micros
    ) -> bool:
        """Tell whether a permission would be granted."""


class SovereigntyGuard:
    """Refuses by the rules, over the register in the data directory, read again as they change."""

    title = "Sovereignty rules"

    def __init__(
        self,
        sealed: SealedEngine,
        decision: Decision,
        geography: Watched[Geography],
        staff: Staff,
    ) -> None:
        self._sealed = sealed
        self._decision = decision
        self._geography = geography
        self._staff = staff

    async def check(self, asked: Asked) -> None:
        """Raise the refusal, with the rule's name and the requirement that it comes from."""
        method = asked.call.method
        if method in _LABELLING or method in _NEW:
            await self._check_label(asked)
        rules = await self._staff.rules(asked.call.time)
        if rules is None:
            return
        person = await self._person(rules, asked)
        if asked.access is Access.WRITE:
            _check_grants(rules, asked.call)
        broken = await self._broken(rules, person, asked) if person else None
        if person is not None and broken is not None:
            rule, _ = broken
            _log.warning("rule %s refused %s to %s", rule.id, asked.call.method, person.name)
            raise _refusal(rule.id, rule.requirement, rule.text)

    async def opinion(self, asked: Asked) -> Opinion:
        """Return the rule that would refuse a call; what its content gives to whom is not judged.

        Whoever may know the rest of an answer may know by which rule the operator's people are
        held; what they are is told nobody.
        """
        rules = await self._staff.rules(asked.call.time)
        if rules is None:
            return SILENT
        try:
            person = await self._person(rules, asked)
        except CloudError as refusal:
            return Opinion(refusal.message)
        broken = await self._broken(rules, person, asked) if person else None
        if broken is None:
            return SILENT
        rule, variables = broken
        said = _refusal(rule.id, rule.requirement, rule.text).message
        approved = {**variables, "approvals": {"customer": _MANY, "operator": _MANY}}
        if value(rule.require, approved) is True:
            said += f" With approvals (header {approvals.HEADER}) it would be let through."
        unsure = not asked.call.remote and "origin." in rule.when + rule.require
        return Opinion(said, unsure=unsure)

    async def _person(self, rules: Rules, asked: Asked) -> Person | None:
        """Return who of the operator's asks, None where it is a customer; or raise."""
        member = canonical(asked.principal.member)
        if rules.is_vendor(member) or rules.is_vendor(asked.principal.email):
            raise _vendor("A vendor's people have no account here.")
        register = await self._staff.register(rules, asked.call.time)
        person = register.people.get(member) if register else None
        if person is None and not rules.is_staff(member):
            return None
        if person is None or register is None or not register.in_force(asked.call.time):
            raise _refusal(
                "staff-register",
                "SecNumCloud 3.2, 9.2.b",
                "An account of the operator's is not in a staff register that is in force.",
            )
        return person

    async def _broken(
        self, rules: Rules, person: Person, asked: Asked
    ) -> tuple[Rule, Variables] | None:
        """Return the first rule that refuses and what it read, None where none does."""
        kinds = classes(asked.permission, asked.access)
        about = [rule for rule in rules.rules if applies(rule, kinds)]
        if not about:
            return None
        variables = await self._variables(rules, person, asked, kinds)
        for rule in about:
            if (
                value(rule.when, variables) is not False
                and value(rule.require, variables) is not True
            ):
                return rule, variables
        return None

    async def _variables(
        self, rules: Rules, person: Person, asked: Asked, kinds: tuple[str, ...]
    ) -> Variables:
        now = asked.call.time
        resource = asked.resource
        wanted = approvals.Wanted(
            canonical(asked.principal.member),
            person.name,
            asked.permission,
            resource.name.name,
            resource.project or "",
            now,
        )
        header = asked.call.headers.get(approvals.HEADER, "")
        customer, operator = approvals.approved(header, rules.approvers, wanted)
        customer += asked.approved.approvers if asked.approved else 0
        officers = asked.approved.officers if asked.approved else 0
        return {
            "staff": {
                "name": person.name,
                "employer": person.employer,
                "control": person.control,
                "residence": person.residence,
                "clearance": person.clearance,
                "cleared": person.cleared(today(now)),
                "trained": person.trained(today(now)),
            },
            "action": {
                "permission": asked.permission,
                "method": asked.call.method,
                "service": asked.service,
                "write": asked.access is Access.WRITE,
                "classes": list(kinds),
            },
            "resource": {
                "name": resource.name.name,
                "type": resource.name.type,
                "service": resource.name.service,
                "project": resource.project or "",
                "sensitivity": await self._sensitivity(resource),
            },
            "origin": await self._origin(rules, asked.call),
            "approvals": {"customer": customer, "operator": operator, "officers": officers},
            "eu": list(rules.eu),
        }

    async def _origin(self, rules: Rules, call: Call) -> dict[str, object]:
        """Return what is known of where a call comes from; an unknown country is not there."""
        known = rules.network_of(call.remote)
        geography = await self._geography.current(call.time)
        country = known.country if known else ""
        if not country and geography is not None:
            country = geography.country(parse_ip(call.remote))
        where: dict[str, object] = {
            "ip": call.remote,
            "network": known.name if known else "",
            "supervised": known is not None and known.supervised,
        }
        return where | ({"country": country} if country else {})

    async def _sensitivity(self, resource: Resource) -> str:
        return level(resource.sensitivity, await self._project_label(resource))

    async def _project_label(self, resource: Resource) -> str:
        if resource.project is None:
            return ""
        project = await find_project(self._sealed, resource.project)
        return project.labels.get(SENSITIVITY, "") if project else ""

    async def _check_label(self, asked: Asked) -> None:
        """Raise for a label that is unknown, or that is lowered without the permission for it."""
        if asked.call.method in _NEW:
            asked_for(asked.call, "")
            return
        of_bucket = asked.call.method.startswith("storage.")
        old = asked.resource.sensitivity if of_bucket else await self._project_label(asked.resource)
        if not lowers(asked.call, old):
            return
        allowed = await self._decision.allowed(
            asked.principal, LOWER, asked.resource, time=asked.call.time
        )
        if not allowed:
            raise denied(
                f"Permission '{LOWER}' denied: the label {SENSITIVITY} is not lowered without it.",
                info=ErrorInfo("SENSITIVITY_LOWERED", DOMAIN, (("permission", LOWER),)),
            )


def _check_grants(rules: Rules, call: Call) -> None:
    """Raise where a request would give something to a vendor's people."""
    named = (*_named(call.document, "", _DEPTH_MAX), *_entities(call))
    for member in named:
        if rules.is_vendor(member):
            raise _vendor(f"{member[:200]} is a vendor's: its people are given nothing here.")


def _entities(call: Call) -> Iterator[str]:
    for place in (call.path, call.query):
        if "entity" in place:
            yield place["entity"]


def _named(content: object, key: str, depth: int) -> Iterator[str]:
    """Iterate over the members that a document names."""
    if depth == 0:
        return
    if isinstance(content, str):
        if key in _GRANTING:
            yield content
    elif isinstance(content, dict):
        for name, inner in content.items():
            yield from _named(inner, name, depth - 1)
    elif isinstance(content, list):
        for inner in content:
            yield from _named(inner, key, depth - 1)


def _vendor(text: str) -> CloudError:
    return _refusal("vendor-staff", "SecNumCloud 3.2, 19.6.c", text)


def _refusal(rule: str, requirement: str, text: str) -> CloudError:
    metadata = (("rule", rule), ("requirement", requirement))
    return denied(
        f"Refused by the sovereignty rule {rule}: {text} ({requirement})",
        reason="sovereigntyRule",
        info=ErrorInfo("SOVEREIGNTY_RULE", DOMAIN, metadata),
    )
