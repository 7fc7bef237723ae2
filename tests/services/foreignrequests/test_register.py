"""The register through the gate: entered, sealed, told when it is lawful, never removed."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rempart.core.errors import CloudError, Code
from rempart.services.foreignrequests import METHODS
from rempart.services.foreignrequests import store as order_store
from rempart.services.foreignrequests.api import PROLONGED_MAX
from rempart.services.foreignrequests.kinds import ORDER
from rempart.services.foreignrequests.model.entering import REVIEW_DAYS_MAX, UNTIL_DAYS_MAX
from rempart.services.foreignrequests.sealing import SEALED, TOLD
from rempart.tlog.commitment import Opening
from rempart.trust.witness.leaf import FEED, decode
from support.register import CUSTOMER, PROJECT, STAFF, Register

DAY = 86_400


@pytest.fixture
async def register(tmp_path: Path) -> Register:
    return await Register.start(tmp_path)


def told(openings: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the facts of what a customer is told of orders."""
    leaves = [decode(one["leaf"].encode()) for one in openings]
    return [dict(one.facts) for one in leaves if one.method == TOLD]


async def refusal(register: Register, method: str, *asked: Any, **named: Any) -> CloudError:
    with pytest.raises(CloudError) as problem:
        await register.ask(method, *asked, **named)
    return problem.value


async def test_an_order_under_no_silence_is_told_at_the_next_round(register: Register) -> None:
    id_ = await register.entered()
    assert told(await register.openings()) == []
    await register.housework()
    [one] = told(await register.openings())
    sealed = json.loads(one["leaf"])
    assert sealed["facts"]["order"] == one["order"] == id_
    assert sealed["facts"]["authority"] == "District Court of Northland"
    assert sealed["facts"]["resources"] == f"gs://{register.cloud.bucket}"
    assert (await register.ask("orders.get", id=id_))["state"] == "OPEN"
    await register.housework()
    assert len(told(await register.openings())) == 1


async def test_a_sealed_order_is_in_the_log_at_once_and_opened_when_its_silence_is_over(
    register: Register,
) -> None:
    sealed = register.cloud.parts.sealed
    before = await sealed.length(FEED)
    id_ = await register.entered(gag=register.gag(30))
    entered_by = await sealed.length(FEED)
    shown = await register.openings()
    for days in (0, 29):
        register.cloud.clock.advance(days * DAY)
        await register.housework()
        assert id_ not in json.dumps(shown), "nothing of it is shown to the customer"
        assert told(await register.openings()) == []
    register.cloud.clock.advance(1.1 * DAY)
    await register.housework()
    [one] = told(await register.openings())
    assert before <= int(one["index"]) < entered_by
    [entry] = await sealed.entries(FEED, int(one["index"]), limit=1)
    assert Opening(base64.b64decode(one["salt"]), one["leaf"].encode()).opens(entry.commitment)
    [commitment] = (await register.ask("orders.get", id=id_))["commitments"]
    assert commitment == entry.commitment.hex()
    assert (await register.verified()).ok, "also what was stated of openings before stays true"


async def test_each_customer_is_told_its_own_part_alone(register: Register) -> None:
    manager = register.customer
    await manager.ask("projects.create", {"projectId": "lab:another"})
    scope = {
        "resources": [f"gs://{register.cloud.bucket}/a", "projects/lab:another", "gs://nowhere"],
        "principals": ["user:somebody@example.test"],
        "kinds": ["metadata", "logs"],
    }
    order = await register.ask("orders.enter", register.order(scope=scope))
    assert order["customers"] == ["projects/lab:another", PROJECT]
    await register.housework()
    [own] = told(await register.openings())
    [other] = told(await register.openings("projects/lab:another"))
    assert json.loads(own["leaf"])["facts"]["resources"] == f"gs://{register.cloud.bucket}/a"
    assert json.loads(other["leaf"])["facts"]["resources"] == "projects/lab:another"
    assert "nowhere" not in own["leaf"] + other["leaf"]


async def test_a_customer_who_becomes_one_later_is_told_too(register: Register) -> None:
    scope = {"resources": ["projects/lab:later-on"], "kinds": ["content"]}
    id_ = await register.entered(scope=scope)
    await register.housework()
    await register.customer.ask("projects.create", {"projectId": "lab:later-on"})
    await register.ask("orders.assess", id=id_)
    await register.housework()
    assert len(told(await register.openings("projects/lab:later-on"))) == 1
    assert (await register.verified()).ok


async def test_a_silence_is_prolonged_before_it_ends_and_the_customer_learns_that(
    register: Register,
) -> None:
    id_ = await register.entered(gag=register.gag(30))
    register.cloud.clock.advance(29 * DAY)
    prolonged = await register.ask("orders.prolong", register.gag(60), id=id_)
    assert prolonged["gag"]["provision"] == "18 U.S.C. § 2705(b)"
    register.cloud.clock.advance(30 * DAY)
    await register.housework()
    assert told(await register.openings()) == []
    register.cloud.clock.advance(31 * DAY)
    late = await refusal(register, "orders.prolong", register.gag(60), id=id_)
    assert late.reason == "OVER", "not even before the round that tells"
    await register.housework()
    [one] = told(await register.openings())
    assert "18 U.S.C. § 2705(b)" in one["prolonged"]
    problem = await refusal(register, "orders.prolong", register.gag(60), id=id_)
    assert problem.reason == "TOLD"


async def test_a_silence_is_prolonged_so_often_and_no_oftener(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PROLONGED_MAX > 1
    monkeypatch.setattr("rempart.services.foreignrequests.api.PROLONGED_MAX", 1)
    id_ = await register.entered(gag=register.gag(30))
    await register.ask("orders.prolong", register.gag(60), id=id_)
    problem = await refusal(register, "orders.prolong", register.gag(90), id=id_)
    assert problem.reason == "PROLONGED_TOO_OFTEN"
    open_ = await register.entered()
    assert (
        await refusal(register, "orders.prolong", register.gag(90), id=open_)
    ).reason == "NO_GAG"


async def test_an_order_is_told_early_with_a_reason_that_the_customer_reads(
    register: Register,
) -> None:
    id_ = await register.entered(gag=register.gag(30))
    assert (await refusal(register, "orders.disclose", {}, id=id_)).field == "because"
    await register.ask("orders.disclose", {"because": "lifted by the court"}, id=id_)
    [one] = told(await register.openings())
    assert one["because"] == "lifted by the court"
    assert (await refusal(register, "orders.disclose", {"because": "x"}, id=id_)).reason == "TOLD"
    register.cloud.clock.advance(31 * DAY)
    await register.housework()
    assert len(told(await register.openings())) == 1


async def test_closing_leaves_the_entry_and_its_seal(register: Register) -> None:
    id_ = await register.entered(gag=register.gag(30))
    closing = {"outcome": "out-of-reach", "note": "referred to the customer"}
    assert (await register.ask("orders.close", closing, id=id_))["state"] == "CLOSED_SEALED"
    assert (await refusal(register, "orders.close", closing, id=id_)).reason == "CLOSED"
    assert told(await register.openings()) == []
    assert [one["id"] for one in (await register.ask("orders.list"))["orders"]] == [id_]
    verbs = {str(method.id).rpartition(".")[2] for method in METHODS}
    assert not {one for one in verbs if "delete" in one or "remove" in one}


async def test_the_report_counts_what_is_told_and_says_nothing_of_the_rest(
    register: Register,
) -> None:
    nothing = await register.ask("report")
    await register.entered(gag=register.gag(30), country="GB", law="uk-ipa")
    assert await register.ask("report") == nothing
    id_ = await register.entered()
    await register.housework()
    await register.ask("orders.close", {"outcome": "refused", "note": "no treaty"}, id=id_)
    found = await register.ask("report")
    assert (found["orders"], found["byCountry"], found["byOutcome"]) == (
        1,
        {"US": 1},
        {"refused": 1},
    )
    assert found["byLaw"] == {"cloud-act": 1}
    assert (await register.ask("report", query={"year": "1999"}))["orders"] == 0


@pytest.mark.parametrize("who", ["nobody", CUSTOMER, STAFF])
async def test_nobody_but_a_keeper_has_any_of_it(register: Register, who: str) -> None:
    id_ = await register.entered()
    by = "" if who == "nobody" else register.token(who)
    for method in METHODS:
        name = str(method.id).removeprefix("foreignrequests.")
        path = {} if name in {"report", "orders.list", "orders.enter"} else {"id": id_}
        problem = await refusal(register, name, register.order(), by=by, **path)
        wanted = Code.UNAUTHENTICATED if who == "nobody" else Code.PERMISSION_DENIED
        assert problem.code is wanted, name
    assert len((await register.ask("orders.list"))["orders"]) == 1


async def test_a_register_is_full_at_its_limit(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_store, "ORDERS_MAX", 1)
    await register.entered()
    problem = await refusal(register, "orders.enter", register.order())
    assert problem.code is Code.RESOURCE_EXHAUSTED


async def test_an_order_that_is_not_there_or_no_id_is_told(register: Register) -> None:
    assert (await refusal(register, "orders.get", id="0" * 21)).code is Code.NOT_FOUND
    assert (await refusal(register, "orders.get", id="x/y")).field == "id"


async def test_a_silence_reaches_no_further_than_its_limit(register: Register) -> None:
    for name, days in (("review", REVIEW_DAYS_MAX), ("until", UNTIL_DAYS_MAX)):
        await register.entered(gag=register.gag(days, name))
        further = register.order(gag=register.gag(days + 1, name))
        assert (await refusal(register, "orders.enter", further)).field == f"gag.{name}"


async def test_verification_finds_an_order_that_was_taken_away_or_altered(
    register: Register,
) -> None:
    sealed = register.cloud.parts.sealed
    kept, altered, gone = [await register.entered() for _ in range(3)]
    await register.housework()
    assert (await register.verified()).detail.startswith("3 orders of authorities")
    tx = sealed.transaction()
    order = await tx.get(ORDER, altered)
    assert order is not None
    facts = msgspec.structs.replace(order.facts, country="SE")
    tx.put(ORDER, altered, value=msgspec.structs.replace(order, facts=facts))
    tx.delete(ORDER, gone)
    await tx.commit()
    found = await register.verified()
    assert (found.ok, found.detail[:8]) == (False, "2 faults")
    assert kept not in found.detail


async def test_the_log_has_the_digest_of_what_was_entered_and_no_customer_sees_the_call(
    register: Register,
) -> None:
    id_ = await register.entered(gag=register.gag(30))
    order = await register.ask("orders.get", id=id_)
    entries = await register.cloud.parts.sealed.entries(FEED, 0, limit=1000)
    leaves = [decode(one.content) for one in entries]
    [call] = [one for one in leaves if one.method == "foreignrequests.orders.enter"]
    assert dict(call.facts) == {"order": id_, "digest": order["digest"]}
    own = [one for one in leaves if one.service == "foreignrequests"]
    assert {one.container for one in own} == {""}
    assert sum(one.method == SEALED for one in own) == 1
