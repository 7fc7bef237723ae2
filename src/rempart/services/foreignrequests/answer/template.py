"""The draft itself, in Markdown: the order, what was found, what that means, what counsel adds.

What comes from the order is quoted so that it is text and nothing else in whatever shows Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from rempart.services.foreignrequests.answer.english import ENGLISH
from rempart.services.foreignrequests.answer.french import FRENCH
from rempart.services.foreignrequests.answer.words import Words
from rempart.services.foreignrequests.model.assessment import Assessment, Finding, Why
from rempart.services.foreignrequests.model.order import Order
from rempart.services.foreignrequests.model.shown import time
from rempart.trust.policy.sovereignty.rules import Rules

LANGUAGES = {"en": ENGLISH, "fr": FRENCH}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!~])")
_HELD_ELSEWHERE = frozenset((Why.EXTERNAL, Why.EXTERNAL_OPEN, Why.EXTERNAL_DESTROYED))


def answer(id_: str, order: Order, found: Assessment, rules: Rules, language: str) -> str:
    """Return the draft of an answer in a language of `LANGUAGES`."""
    words = LANGUAGES[language]
    sections = (
        _order(id_, order, found, words),
        _findings(found, words),
        _can(order, found, words),
        _acts(found, words),
        [*_secrecy(order, words), *(words.law[one] for one in applicable(order, rules))],
        words.rest.split("\n"),
    )
    parts = [f"# {words.title}", words.draft]
    for heading, lines in zip(words.headings, sections, strict=True):
        parts += [f"## {heading}", "\n".join(f"* {line}" for line in lines)]
    return "\n\n".join(parts) + "\n"


def applicable(order: Order, rules: Rules) -> list[str]:
    """Return the paragraphs of law that may count: by whose authority it is, and the seat."""
    seat = rules.orders.seat if rules.orders else ""
    country = order.facts.country
    if country == seat:
        return ["domestic"]
    foreign = ["blocking"] if seat == "FR" else []
    if country in rules.eu:
        return ["union", *foreign]
    return ["gdpr48", "dataact32", *foreign, "secnumcloud"]


def _order(id_: str, order: Order, found: Assessment, words: Words) -> list[str]:
    facts, scope = order.facts, order.facts.scope
    said: dict[str, str] = {
        "id": id_,
        "authority": facts.authority,
        "country": facts.country,
        "statute": f"{facts.statute} ({facts.law})",
        "reference": facts.reference,
        "received": time(facts.received),
        "channel": facts.channel,
        "deadline": time(facts.deadline),
        "kinds": ", ".join(words.asked[one] for one in scope.kinds),
        "resources": ", ".join(scope.resources),
        "principals": ", ".join(scope.principals),
        "from": time(scope.begins),
        "to": time(scope.ends),
        "document": facts.document,
        "gag": order.gag.provision if order.gag else "",
        "assessed": time(found.at),
        "digest": found.digest,
    }
    return [
        words.said.format(name=words.labels[name], value=_quoted(value))
        for name, value in said.items()
        if value
    ]


def _findings(found: Assessment, words: Words) -> list[str]:
    lines = [_finding(one, words) for one in found.findings]
    return lines if found.whole else [*lines, words.partial]


def _finding(one: Finding, words: Words) -> str:
    shown = words.found.format(
        resource=_quoted(one.resource or one.asked),
        objects=one.objects,
        bytes=one.bytes,
        reach=words.reach[one.why.reach],
    )
    under = words.under.format(key=_quoted(one.key), state=one.state) if one.key else ""
    place = words.place.format(location=_quoted(one.location)) if one.location else ""
    return " ".join(part for part in (shown, under, place) if part)


def _can(order: Order, found: Assessment, words: Words) -> list[str]:
    reasons = dict.fromkeys(one.why for one in found.findings)
    root = words.root[found.root.partition(" ")[0]].format(root=found.root)
    return [
        *(words.why[one] for one in reasons),
        *(words.kinds[one] for one in order.facts.scope.kinds),
        root,
        words.memory,
    ]


def _acts(found: Assessment, words: Words) -> Iterable[str]:
    reasons = {one.why for one in found.findings}
    yield words.acts["operator"]
    if reasons & _HELD_ELSEWHERE:
        yield words.acts["holder"]
    if Why.CUSTOMER_SUPPLIED in reasons:
        yield words.acts["sender"]
    yield words.acts["customer"]


def _secrecy(order: Order, words: Words) -> list[str]:
    gag = order.gag
    if gag is None:
        return [words.open]
    return [words.secrecy.format(provision=_quoted(gag.provision), end=time(gag.over))]


def _quoted(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", text)
