"""Who touched what, when, from where, why, by whose approval, with which key: for people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from rempart.tlog.errors import Malformed
from rempart.verifier.bundle import Bundle
from rempart.verifier.geography import Geography
from rempart.verifier.leaf import Leaf, decode
from rempart.verifier.policy_change import policy_change
from rempart.verifier.staff import Staff

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

BUCKETS = "projects/_/buckets/"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to tell of: a resource and all below it, from a time up to another, in microseconds."""

    resource: str = ""
    start: int | None = None
    to: int | None = None

    def wants(self, leaf: Leaf) -> bool:
        """Tell whether an entry is to be told of."""
        if self.start is not None and leaf.time < self.start:
            return False
        if self.to is not None and leaf.time >= self.to:
            return False
        name = resource_name(self.resource)
        within = f"{leaf.resource}/".startswith(f"{name}/")
        return not name or within or name == made_bucket(leaf)


@dataclass(frozen=True, slots=True)
class Known:
    """What the reader brings to a report: where addresses are, and who works for whom."""

    geography: Geography | None = None
    staff: Staff | None = None


class Touched(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry, as a report tells of it; `index` is where to find it in the log."""

    index: int
    time: str
    principal: str
    method: str
    resource: str
    outcome: str
    acting: tuple[str, ...] = ()
    address: str = ""
    country: str = ""
    person: str = ""
    employer: str = ""
    agent: str = ""
    reason: str = ""
    approval: str = ""
    key: str = ""
    bucket: str = ""
    change: str = ""
    message: str = ""

    def lines(self) -> list[str]:
        """Return what to show on a terminal; what it must not obey is escaped."""
        by = " acting as ".join((*self.acting, self.principal or "nobody"))
        head = f"{self.time}  {shown(by)}  {shown(self.method)}  {shown(self.resource)}"
        told = [(name, getattr(self, name)) for name in _TOLD]
        rest = "".join(f"{name} {shown(value)}; " for name, value in told if value)
        return [head, f"    {self.outcome}; {rest}entry {self.index}"]

    def cells(self) -> list[str]:
        """Return what stands in each of `COLUMNS`, and is no formula to a spreadsheet."""
        values = [getattr(self, name) for name in COLUMNS]
        return [_cell(" ".join(it) if isinstance(it, tuple) else str(it)) for it in values]


COLUMNS = Touched.__struct_fields__
_TOLD = (
    "address", "country", "person", "employer", "reason", "approval", "key", "bucket", "change",
    "agent", "message",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def report(bundle: Bundle, wanted: Wanted, known: Known) -> Iterator[Touched]:
    """Iterate over what a bundle, which must have been verified, tells of."""
    for line in bundle.lines():
        leaf = decode(line.leaf)
        if wanted.wants(leaf):
            yield _touched(line.index, leaf, known)


def _touched(index: int, leaf: Leaf, known: Known) -> Touched:
    members = (*leaf.acting, leaf.principal)
    person = known.staff.person(members, leaf.time) if known.staff else None
    return Touched(
        index=index,
        time=time_of(leaf.time),
        principal=leaf.principal,
        method=leaf.method,
        resource=leaf.resource,
        outcome=f"{leaf.kind} {leaf.status}" if leaf.status else leaf.kind,
        acting=leaf.acting,
        address=leaf.remote,
        country=known.geography.country(leaf.remote) if known.geography else "",
        person=person.name if person else "",
        employer=person.employer if person else "",
        agent=leaf.agent,
        reason=leaf.reason,
        approval=leaf.approval,
        key=leaf.key,
        bucket=made_bucket(leaf),
        change=policy_change(leaf),
        message=leaf.message,
    )


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def made_bucket(leaf: Leaf) -> str:
    """Return the bucket that an entry speaks of beside its resource: its maker asks a project."""
    name = f"{BUCKETS}{leaf.facts.get('bucket', '')}"
    return "" if name == BUCKETS or f"{leaf.resource}/".startswith(f"{name}/") else name


def resource_name(asked: str) -> str:
    """Return the name in the log of what people call `gs://BUCKET/OBJECT`, or what was asked."""
    if not asked.startswith("gs://"):
        return asked.rstrip("/")
    bucket, _, name = asked.removeprefix("gs://").partition("/")
    return f"{BUCKETS}{bucket}" + (f"/objects/{name}" if name else "")


def time_asked(text: str, *, end: bool = False) -> int:
    """Return the microseconds of a date or a time with its zone; raises `Malformed`.

    A date is its beginning in UTC, and as an `end` the beginning of the day after.
    """
    try:
        if _DATE.fullmatch(text):
            day = datetime.fromisoformat(text).replace(tzinfo=UTC)
            return _micros(day + timedelta(days=1) if end else day)
        return _micros(datetime.fromisoformat(text))
    except (ValueError, OverflowError, TypeError):  # the last for a time without its zone
        message = f"{text!r} is not such as 2026-11-29 or 2026-11-29T08:00:00Z."
        raise Malformed(message) from None


def month_asked(text: str) -> tuple[int, int]:
    """Return the microseconds at which a month, such as 2026-11, begins and ends in UTC."""
    try:
        start = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
        return _micros(start), _micros((start + timedelta(days=31)).replace(day=1))
    except (ValueError, OverflowError):
        raise Malformed(f"{text!r} is not a month such as 2026-11.") from None


def time_of(micros: int) -> str:
    """Return a time as people read it, in UTC."""
    try:
        return (_EPOCH + timedelta(microseconds=micros)).strftime("%Y-%m-%d %H:%M:%SZ")
    except OverflowError:
        return f"{micros} µs"


def shown(text: str) -> str:
    """Return a text that moves nothing on a terminal and hides nothing in it."""
    return "".join(it if it.isprintable() else it.encode("unicode_escape").decode() for it in text)


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
