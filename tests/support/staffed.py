"""A universe whose operator has staff: rules and a signed register, as officers leave them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rempart.core.signing import statement
from rempart.core.signing.keys import public
from rempart.services.accessapproval import breaking
from rempart.services.accessapproval.breaking import BreakGlass
from rempart.trust.policy.sovereignty import register
from rempart.trust.policy.sovereignty.register import Content, Person
from rempart.trust.policy.sovereignty.rules import default_rules

OFFICERS = {name: Ed25519PrivateKey.generate() for name in ("Chloe", "Denis")}
ENTITY = "Exploitant SA"
BREAK_GLASS = "\n[break_glass]\nofficers = 2\nminutes_max = 30\n"
ORDERS = '\n[orders]\nkeepers = ["{keeper}"]\n'
FAR = date(2099, 1, 1)


def _key(name: str, key: Ed25519PrivateKey) -> str:
    members = msgspec.to_builtins(public(key))
    inner = ", ".join(f'{member} = "{value}"' for member, value in members.items())
    return f'\n[[officers]]\nname = "{name}"\nkey = {{ {inner} }}\n'


def rules(own: str, more: str = BREAK_GLASS) -> str:
    """Return the rules of an operator who owns one container, and lets officers break glass."""
    operator = (
        f'\n[operator]\nentity = "{ENTITY}"\ndomains = ["exploitant.test"]\nown = ["{own}"]\n'
    )
    network = '\n[[networks]]\nname = "administration"\nranges = ["127.0.0.0/8"]\ncountry = "FR"\n'
    officers = "".join(_key(name, key) for name, key in OFFICERS.items())
    consent = default_rules().replace(
        "approvals.customer >= 1", "(approvals.customer >= 1 || approvals.officers >= 2)"
    )
    return consent + operator + officers + network + more


def person(name: str, member: str) -> Person:
    return Person(
        name,
        (member,),
        ENTITY,
        "FR",
        "BE",
        clearance="7.1.b",
        clearance_until=FAR,
        training_due=FAR,
    )


def signed(staff: Mapping[str, str], days: int = 1) -> str:
    """Return a register of these people, by name and account, in force for some days."""
    now = int(time.time())
    people = tuple(person(name, member) for name, member in staff.items())
    content = Content(1, now, now - 60, now + days * 86_400, people)
    return statement.sign(OFFICERS["Chloe"], register.TYPE, msgspec.json.encode(content))


def write(
    data: Path, own: str, staff: Mapping[str, str], more: str = BREAK_GLASS, days: int = 1
) -> None:
    """Leave both files in a data directory."""
    (data / "sovereignty.toml").write_text(rules(own, more))
    (data / "staff-register.jws").write_text(signed(staff, days) + "\n")


def word(officer: str, principal: str, resource: str, case: str) -> str:
    """Return an officer's word that somebody may break glass."""
    now = int(time.time())
    said = BreakGlass(officer, now, now + 600, principal, resource, case)
    return statement.sign(OFFICERS[officer], breaking.TYPE, msgspec.json.encode(said))
