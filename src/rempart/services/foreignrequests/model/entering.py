"""What a document that enters an order says; what is wrong with it is told by field."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from rempart.core.document import Document, boolean, moment, only, section, strings, text
from rempart.core.errors import CloudError, invalid, required
from rempart.services.answers.places import full_name
from rempart.services.foreignrequests.model.laws import LAWS
from rempart.services.foreignrequests.model.order import KINDS, Facts, Gag, Outcome, Scope

TEXT_CHARS_MAX = 300
RESOURCES_MAX = 100
PRINCIPALS_MAX = 100
NAME_CHARS_MAX = 1200
REVIEW_DAYS_MAX = 183
"""How far ahead a silence without an end is looked at again."""

UNTIL_DAYS_MAX = 3660
_DAY = 86_400_000_000
_COUNTRY = re.compile(r"[A-Z]{2}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MEMBERS = (
    *("authority", "country", "law", "statute", "reference", "received", "channel"),
    *("deadline", "documentSha256", "scope", "gag"),
)


def entered(document: Document, now: int) -> Facts:
    """Return what is entered; raises `invalid` with the field."""
    only(document, *_MEMBERS)
    received = _received(document, now)
    law = _one_of(document, "law", LAWS)
    return Facts(
        authority=words(document, "authority"),
        country=_shaped(document, "country", _COUNTRY, "two capital letters, such as US"),
        law=law,
        statute=words(document, "statute", default=LAWS[law].statute),
        reference=words(document, "reference"),
        received=received,
        channel=words(document, "channel"),
        document=_shaped(
            document, "documentSha256", _DIGEST, "the SHA-256 of the scan, 64 hexadecimal digits"
        ),
        scope=_scope(section(document, "scope")),
        deadline=_deadline(document, received),
        gag=_gag(section(document, "gag"), now),
    )


def prolonging(document: Document, now: int) -> Gag:
    """Return the silence that takes the place of another; raises `invalid` with the field."""
    only(document, "id", "provision", "until", "review")
    return _silence(document, now, "")


def closing(document: Document) -> tuple[Outcome, str]:
    """Return how an order ended, and a note; raises `invalid` with the field."""
    only(document, "id", "outcome", "note")
    outcomes = {one.value: one for one in Outcome}
    return outcomes[_one_of(document, "outcome", outcomes)], words(document, "note")


def words(document: Document, name: str, *, within: str = "", default: str = "") -> str:
    """Return a member that is a line of text; raises `invalid` with the field."""
    value, field = text(document, name) or default, f"{within}{name}"
    if not value:
        raise required(f"{field} is required.", field=field)
    if len(value) > TEXT_CHARS_MAX or not value.isprintable():
        message = f"{field} has 1 to {TEXT_CHARS_MAX} printable characters."
        raise invalid(message, field=field)
    return value


def _received(document: Document, now: int) -> int:
    received = _time(document, "received")
    if not received:
        raise required("received is required.", field="received")
    if received > now:
        raise invalid("received lies ahead: an order is entered once it is here.", field="received")
    return received


def _deadline(document: Document, received: int) -> int:
    deadline = _time(document, "deadline")
    if deadline and deadline <= received:
        raise invalid("deadline is after received.", field="deadline")
    return deadline


def _scope(given: Document) -> Scope:
    only(given, "resources", "principals", "kinds", "from", "to")
    resources = _list(given, "resources", RESOURCES_MAX, _resource)
    principals = _list(given, "principals", PRINCIPALS_MAX, _principal)
    if not resources and not principals:
        message = "scope.resources or scope.principals names something."
        raise required(message, field="scope.resources")
    begins, ends = _time(given, "from", "scope."), _time(given, "to", "scope.")
    if begins and ends and ends <= begins:
        raise invalid("scope.to is after scope.from.", field="scope.to")
    return Scope(_kinds(given), resources, principals, begins, ends)


def _kinds(given: Document) -> tuple[str, ...]:
    asked = strings(given, "kinds")
    if not asked or set(asked) - set(KINDS):
        message = f"scope.kinds names one or more of {', '.join(KINDS)}."
        raise invalid(message, field="scope.kinds")
    return tuple(kind for kind in KINDS if kind in asked)


def _list(
    given: Document, name: str, most: int, parse: Callable[[str, str], str]
) -> tuple[str, ...]:
    field = f"scope.{name}"
    asked = strings(given, name)
    if len(asked) > most:
        raise invalid(f"{field} has at most {most} entries.", field=field)
    return tuple(dict.fromkeys(parse(one, field) for one in asked))


def _resource(name: str, field: str) -> str:
    try:
        full_name(_bounded(name, field), field=field)
    except CloudError as problem:
        raise invalid(f"{field}: {problem.message}", field=field) from problem
    return name


def _principal(name: str, field: str) -> str:
    return _bounded(name, field)


def _bounded(name: str, field: str) -> str:
    if not 0 < len(name) <= NAME_CHARS_MAX or not name.isprintable():
        message = f"A name in {field} has 1 to {NAME_CHARS_MAX} printable characters."
        raise invalid(message, field=field)
    return name


def _gag(given: Document, now: int) -> Gag | None:
    only(given, "claimed", "provision", "until", "review")
    if boolean(given, "claimed", default=bool(given)):
        return _silence(given, now, "gag.")
    if set(given) - {"claimed"}:
        raise invalid("gag says that none is claimed, and more besides.", field="gag.claimed")
    return None


def _silence(given: Document, now: int, within: str) -> Gag:
    provision = words(given, "provision", within=within)
    until, review = _time(given, "until", within), _time(given, "review", within)
    if not until and not review:
        message = f"{within}review is required of a gag that names no end ({within}until)."
        raise required(message, field=f"{within}review")
    if until and review:
        message = f"{within}until and {within}review exclude each other."
        raise invalid(message, field=f"{within}review")
    name, days = ("until", UNTIL_DAYS_MAX) if until else ("review", REVIEW_DAYS_MAX)
    if not now < (until or review) <= now + days * _DAY:
        message = f"{within}{name} lies ahead, by {days} days at most."
        raise invalid(message, field=f"{within}{name}")
    return Gag(provision, until, review)


def _one_of(document: Document, name: str, known: Collection[str]) -> str:
    value = text(document, name)
    if value not in known:
        raise invalid(f"{name} is one of {', '.join(known)}.", field=name)
    return value


def _shaped(document: Document, name: str, shape: re.Pattern[str], what: str) -> str:
    value = text(document, name)
    if not shape.fullmatch(value):
        raise invalid(f"{name} is {what}.", field=name)
    return value


def _time(document: Document, name: str, within: str = "") -> int:
    try:
        return moment(document, name) or 0
    except CloudError as problem:
        message = f"{within}{name} is a time with its zone (RFC 3339), as 2026-11-23T13:06:00Z."
        raise invalid(message, field=f"{within}{name}") from problem
