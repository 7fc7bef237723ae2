"""The sovereignty rules: a readable file of who is who, and of what each action asks for.

`sovereignty.toml` in the data directory. What a rule says is CEL over `staff`, `action`,
`resource`, `origin`, `approvals` and `eu`; docs/sovereignty.md lists their members. A rule applies
unless its `when` is false, and refuses unless its `require` is true: what cannot be decided
refuses.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec

from rempart.core.errors import CloudError
from rempart.core.signing.keys import Signatory, VerifyingKey
from rempart.trust.policy.expressions import check
from rempart.trust.policy.perimeters.geography import parse_ip
from rempart.trust.policy.perimeters.levels import network
from rempart.trust.policy.sovereignty.actions import CLASSES
from rempart.trust.policy.sovereignty.approvals import Approver

FORMAT = 1
RULES_MAX = 200
FILE_BYTES_MAX = 1024 * 1024
VARIABLES = frozenset(("staff", "action", "resource", "origin", "approvals", "eu"))
_POOL = re.compile(r"locations/global/workforcePools/[a-z0-9-]+")
_DOMAIN = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
Countries = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class NoRules(ValueError):  # noqa: N818 - a verdict on a file, not a fault of ours
    """A file that makes no sense; the message says where."""


class _Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file: unknown keys are refused."""


class Operator(_Shape, frozen=True):
    """The operator: accounts under its domains and workforce pools are staff, listed or not.

    `own` are the projects, folders and organizations that are no customer's: what is in them, staff
    reach by IAM and these rules, without a customer's approval.
    """

    entity: str
    domains: tuple[str, ...]
    pools: tuple[str, ...] = ()
    own: tuple[str, ...] = ()


class BreakGlass(_Shape, frozen=True):
    """How staff reach a customer's resource when nobody of the customer's can be asked.

    So many officers must sign for it, none of them who acts; it ends after so many minutes.
    """

    officers: Annotated[int, msgspec.Meta(ge=2, le=10)]
    minutes_max: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 60


class Orders(_Shape, frozen=True):
    """Who of the staff keep the register of orders of authorities, and whose law the seat is under.

    Without this table nobody keeps it.
    """

    keepers: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    seat: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")] = "FR"


class Vendor(_Shape, frozen=True):
    """A vendor of technology, whose people have no account."""

    entity: str
    domains: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()


class Network(_Shape, frozen=True):
    """Addresses of a known place; on a supervised one somebody watches and can stop things."""

    name: str
    ranges: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    country: str = ""
    supervised: bool = False


class Rule(_Shape, frozen=True):
    """What an action asks of who does it; without `actions` it is about every action of staff."""

    id: str
    requirement: str
    text: str
    require: str
    actions: tuple[str, ...] = ()
    when: str = "true"


class Rules(_Shape, frozen=True):
    """The whole file."""

    version: int
    eu: Countries
    operator: Operator
    officers: Annotated[tuple[Signatory, ...], msgspec.Meta(min_length=1)]
    rules: Annotated[tuple[Rule, ...], msgspec.Meta(max_length=RULES_MAX)]
    vendors: tuple[Vendor, ...] = ()
    networks: tuple[Network, ...] = ()
    approvers: tuple[Approver, ...] = ()
    break_glass: BreakGlass | None = None
    orders: Orders | None = None

    def network_of(self, remote: str) -> Network | None:
        """Return the first network that an address is in."""
        address = parse_ip(remote)
        if address is None:
            return None
        for one in self.networks:
            if any(address in network(block) for block in one.ranges):
                return one
        return None

    def is_staff(self, member: str) -> bool:
        """Tell whether a member is under a domain or in a pool of the operator's."""
        return _in(member, self.operator.domains, self.operator.pools)

    def is_vendor(self, member: str) -> bool:
        """Tell whether a member is under a domain or in a pool of a vendor's."""
        return any(_in(member, one.domains, one.pools) for one in self.vendors)


def read_rules(path: Path) -> Rules:
    """Return the rules in a file; raises `NoRules`."""
    if path.stat().st_size > FILE_BYTES_MAX:
        raise NoRules(f"it is longer than {FILE_BYTES_MAX} bytes")
    return parse_rules(path.read_text(encoding="utf-8"))


def parse_rules(text: str) -> Rules:
    """Return the rules that a text states; raises `NoRules`."""
    try:
        rules = msgspec.convert(tomllib.loads(text), Rules)
    except (ValueError, msgspec.ValidationError) as problem:
        raise NoRules(str(problem)[:300]) from problem
    if rules.version != FORMAT:
        raise NoRules(f"its version is {rules.version}, not {FORMAT}")
    _check_domains(rules)
    _check_pools(rules)
    _check_networks(rules)
    ids = [rule.id for rule in rules.rules]
    if len(ids) != len(set(ids)):
        raise NoRules("two rules have the same id")
    for rule in rules.rules:
        _check_rule(rule)
    for officer in rules.officers:
        _check_key(officer.name, officer.key)
    for approver in rules.approvers:
        _check_key(approver.name, approver.key)
    return rules


def default_rules() -> str:
    """Return the text of the rules that encode SecNumCloud, to be completed."""
    return files(__package__).joinpath("default.toml").read_text(encoding="utf-8")


def domain_of(member: str) -> str:
    """Return the domain of a member of a policy or an access-control list, empty for none."""
    text = member.partition("?")[0].lower()
    for prefix in ("domain:", "domain-"):
        if text.startswith(prefix):
            return text.removeprefix(prefix)
    return text.rpartition("@")[2] if "@" in text else ""


def _in(member: str, domains: tuple[str, ...], pools: tuple[str, ...]) -> bool:
    pooled = any(f"//iam.googleapis.com/{pool}/" in member for pool in pools)
    return pooled or _under(domain_of(member), domains)


def _under(domain: str, domains: tuple[str, ...]) -> bool:
    return any(domain == one or domain.endswith(f".{one}") for one in domains if domain)


def _check_domains(rules: Rules) -> None:
    for domain in (*rules.operator.domains, *(d for one in rules.vendors for d in one.domains)):
        if not _DOMAIN.fullmatch(domain):
            raise NoRules(f"{domain[:80]!r} is no domain in small letters")
        if rules.is_vendor(f"domain:{domain}") and rules.is_staff(f"domain:{domain}"):
            raise NoRules(f"{domain} is both the operator's and a vendor's")


def _check_pools(rules: Rules) -> None:
    for pool in (*rules.operator.pools, *(p for one in rules.vendors for p in one.pools)):
        if not _POOL.fullmatch(pool):
            raise NoRules(f"{pool[:80]!r} is not locations/global/workforcePools/POOL")


def _check_networks(rules: Rules) -> None:
    for one in rules.networks:
        for block in one.ranges:
            try:
                network(block)
            except ValueError as problem:
                raise NoRules(f"{block[:80]!r} is no block of addresses") from problem


def _check_rule(rule: Rule) -> None:
    unknown = set(rule.actions) - set(CLASSES)
    if unknown:
        raise NoRules(f"rule {rule.id}: no class of action is called {min(unknown)!r}")
    for field, expression in (("when", rule.when), ("require", rule.require)):
        try:
            check(expression, VARIABLES)
        except CloudError as problem:
            raise NoRules(f"rule {rule.id}, {field}: {problem.message}") from problem


def _check_key(name: str, key: VerifyingKey) -> None:
    try:
        key.load()
    except CloudError as problem:
        raise NoRules(f"the key of {name}: {problem.message}") from problem


def applies(rule: Rule, classes: tuple[str, ...]) -> bool:
    """Tell whether a rule is about an action of these classes."""
    return not rule.actions or not set(rule.actions).isdisjoint(classes)


Variables = Mapping[str, object]
