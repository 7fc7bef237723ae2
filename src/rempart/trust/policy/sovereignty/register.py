"""The staff register: who works for the operator, with attributes that an officer attests.

A compact JWS under an officer's key (docs/spec/staff-register.md). What is not understood in every
respect is refused whole: an unsigned file, a key that is no officer's, somebody listed twice,
somebody of a vendor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated

import msgspec

from rempart.core.clock import Micros
from rempart.core.signing import statement
from rempart.core.signing.keys import Signatory
from rempart.core.signing.statement import Refused

TYPE = "rempart-staff-register+jwt"
FORMAT = 1
CHARS_MAX = 8 * 1024 * 1024
STAFF_MAX = 20_000
LIFE_SECONDS_MAX = 366 * 86_400
CLEARANCE = "7.1.b"
"""The clearance that SecNumCloud 7.1.b asks for."""

_MEMBER = re.compile(r"(?:user|serviceAccount):[^\s@:]+@[^\s@:]+|principal://[a-z.]+/[\x21-\x7e]+")
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Country = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]


class NoRegister(ValueError):  # noqa: N818 - a verdict on a file, not a fault of ours
    """A file that is no register in force; the message says why."""


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A person among the staff, and the accounts that are this person's alone.

    `control` is the country whose law reaches whoever controls the employer; countries are two
    letters of ISO 3166-1. Without a date, a clearance or training is not there.
    """

    name: Text
    members: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=20)]
    employer: Text
    control: Country
    residence: Country
    clearance: str = ""
    clearance_until: date | None = None
    training_due: date | None = None

    def cleared(self, today: date) -> bool:
        """Tell whether the clearance of 7.1.b is in force."""
        until = self.clearance_until
        return self.clearance == CLEARANCE and until is not None and today <= until

    def trained(self, today: date) -> bool:
        """Tell whether no training is overdue."""
        return self.training_due is not None and today <= self.training_due


class Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed; times are Unix seconds, `serial` grows with every register."""

    version: int
    serial: Annotated[int, msgspec.Meta(ge=1)]
    issued: int
    expires: int
    staff: Annotated[tuple[Person, ...], msgspec.Meta(max_length=STAFF_MAX)]


@dataclass(frozen=True, slots=True)
class Register:
    """A register whose signature holds, by member."""

    content: Content
    officer: str
    people: Mapping[str, Person]

    def in_force(self, now: Micros) -> bool:
        """Tell whether the register speaks at this time."""
        seconds = now // 1_000_000
        return self.content.issued <= seconds < self.content.expires


def opened(token: str, officers: Iterable[Signatory], vendors: Iterable[str]) -> Register:
    """Return what a signed register says; raises `NoRegister`.

    `vendors` are entities whose people have no account. Whether it is in force is another question.
    """
    try:
        officer = _signer(token, officers)
        payload = statement.verify(token, TYPE, officer.key, chars_max=CHARS_MAX)
        content = statement.content(payload, Content)
    except Refused as problem:
        raise NoRegister(str(problem)) from problem
    return Register(content, officer.name, checked(content, vendors))


def _signer(token: str, officers: Iterable[Signatory]) -> Signatory:
    """Return the officer whose key a register names; nothing is verified yet."""
    named = statement.signer(token, TYPE, chars_max=CHARS_MAX)
    for officer in officers:
        if officer.key.id == named:
            return officer
    raise Refused("it is not signed by an officer")


def checked(content: Content, vendors: Iterable[str]) -> Mapping[str, Person]:
    """Return the people of a register by member; raises `NoRegister` for what is wrong in it."""
    if content.version != FORMAT:
        raise NoRegister(f"its version is {content.version}, not {FORMAT}")
    if not 0 < content.expires - content.issued <= LIFE_SECONDS_MAX:
        raise NoRegister(f"it must expire within {LIFE_SECONDS_MAX // 86_400} days of its issue")
    excluded = {name.casefold() for name in vendors}
    people: dict[str, Person] = {}
    names = set[str]()
    for person in content.staff:
        if person.name in names:
            raise NoRegister(f"{person.name} is listed twice")
        names.add(person.name)
        if person.employer.casefold() in excluded:
            raise NoRegister(f"{person.name} works for a vendor, whose people have no account")
        _add(people, person)
    return people


def _add(people: dict[str, Person], person: Person) -> None:
    for member in person.members:
        if not _MEMBER.fullmatch(member):
            raise NoRegister(f"{member[:80]!r} of {person.name} is no account of one person")
        if people.setdefault(canonical(member), person) is not person:
            raise NoRegister(f"{member} is listed for two people")


def canonical(member: str) -> str:
    """Return a member as principals are named: addresses in lower case."""
    return member if member.startswith("principal:") else _lower(member)


def _lower(member: str) -> str:
    kind, _, address = member.partition(":")
    return f"{kind}:{address.lower()}"


def today(now: Micros) -> date:
    """Return the day at a time, UTC."""
    return datetime.fromtimestamp(now / 1_000_000, UTC).date()
