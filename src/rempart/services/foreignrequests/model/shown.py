"""Orders, assessments and the report as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rempart.core.clock import Micros, rfc3339
from rempart.services.foreignrequests.model.assessment import Assessment, Finding
from rempart.services.foreignrequests.model.order import Facts, Gag, Order, Scope

Json = dict[str, object]


def order_json(id_: str, order: Order) -> Json:
    """Return an order in full, for those who keep the register."""
    gag, closing = order.gag, order.closing
    return _without_empty(
        {
            "id": id_,
            "state": state(order),
            "entered": time(order.entered),
            "enteredBy": order.by,
            **_facts(order.facts),
            "digest": order.facts.digest,
            "gag": _gag(gag) if gag else {},
            "customers": [one.customer for one in order.sealed],
            "commitments": [one.commitment.hex() for one in order.sealed],
            "due": "" if order.told else time(order.due),
            "told": time(order.told),
            "because": order.because,
            "prolonged": [
                {"at": time(one.at), "by": one.by, **_gag(one.gag)} for one in order.prolonged
            ],
            "assessed": time(order.assessed),
            "closing": closing
            and {
                "at": time(closing.at),
                "by": closing.by,
                "outcome": closing.outcome.value,
                "note": closing.note,
            },
        }
    )


def state(order: Order) -> str:
    """Return where an order stands: whether it is closed, and whether it is sealed."""
    return ("CLOSED" if order.closing else "OPEN") + ("" if order.told else "_SEALED")


def assessment_json(found: Assessment) -> Json:
    """Return an assessment, with the reach of each finding."""
    return {
        "time": time(found.at),
        "reach": found.reach.value,
        "root": found.root,
        "whole": found.whole,
        "digest": found.digest,
        "findings": [finding_json(one) for one in found.findings],
    }


def finding_json(one: Finding) -> Json:
    """Return a finding."""
    return {
        **_without_empty(
            {
                "asked": one.asked,
                "resource": one.resource,
                "customer": one.customer,
                "location": one.location,
                "key": one.key,
                "state": one.state,
            }
        ),
        "why": one.why.value,
        "content": one.why.reach.value,
        "objects": one.objects,
        "bytes": one.bytes,
    }


def report_json(orders: Iterable[Order], year: int | None) -> Json:
    """Return the counts of orders of which their customers were told; of others, nothing."""
    counts: dict[str, Counter[str]] = {
        name: Counter() for name in ("byYear", "byCountry", "byLaw", "byKind", "byOutcome")
    }
    total = 0
    for order in orders:
        received = int(time(order.facts.received)[:4])
        if not order.told or year not in {None, received}:
            continue
        total += 1
        facts, closing = order.facts, order.closing
        counts["byYear"][str(received)] += 1
        counts["byCountry"][facts.country] += 1
        counts["byLaw"][facts.law] += 1
        counts["byKind"].update(facts.scope.kinds)
        counts["byOutcome"][closing.outcome.value if closing else "open"] += 1
    return {"orders": total, **{name: dict(sorted(one.items())) for name, one in counts.items()}}


def time(micros: int) -> str:
    """Return a time as text, empty for none."""
    return rfc3339(Micros(micros)) if micros else ""


def _facts(facts: Facts) -> Json:
    return {
        "authority": facts.authority,
        "country": facts.country,
        "law": facts.law,
        "statute": facts.statute,
        "reference": facts.reference,
        "received": time(facts.received),
        "channel": facts.channel,
        "deadline": time(facts.deadline),
        "documentSha256": facts.document,
        "scope": _scope(facts.scope),
    }


def _scope(scope: Scope) -> Json:
    return _without_empty(
        {
            "kinds": list(scope.kinds),
            "resources": list(scope.resources),
            "principals": list(scope.principals),
            "from": time(scope.begins),
            "to": time(scope.ends),
        }
    )


def _gag(gag: Gag) -> Json:
    return _without_empty(
        {"provision": gag.provision, "until": time(gag.until), "review": time(gag.review)}
    )


def _without_empty(document: Json) -> Json:
    return {name: value for name, value in document.items() if value}
