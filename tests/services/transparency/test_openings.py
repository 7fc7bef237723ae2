"""Openings: each customer's entries and no others, and a statement of what was handed out."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from rempart.services.transparency import store as openings_store
from rempart.tlog.commitment import Opening, digest
from rempart.trust.witness.leaf import FEED, decode
from support.entries import last_entry
from support.manager import Manager


async def listed(manager: Manager, parent: str, **query: str) -> dict[str, Any]:
    noun = parent.partition("/")[0]
    method = f"transparency.{noun}.openings.list"
    return await manager.ask(method, query=query, parent=parent)


def opened(one: dict[str, Any]) -> Opening:
    return Opening(base64.b64decode(one["salt"]), one["leaf"].encode())


async def everything(manager: Manager, parent: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    query: dict[str, str] = {}
    while True:
        page = await listed(manager, parent, **query)
        found += page.get("openings", [])
        if "nextPageToken" not in page:
            return found
        query = {"pageToken": page["nextPageToken"]}


async def test_each_opening_opens_its_entry_and_is_of_the_parent() -> None:
    manager = await Manager.start()
    await manager.cloud.put("a", b"x")
    found = await everything(manager, "projects/lab:demo")
    assert found
    for one in found:
        [entry] = await manager.cloud.parts.sealed.entries(FEED, int(one["index"]), limit=1)
        assert opened(one).opens(entry.commitment)
        assert decode(one["leaf"].encode()).container == "projects/lab:demo"
    of_organization = await everything(manager, manager.organization)
    assert {one["index"] for one in found} < {one["index"] for one in of_organization}


async def test_what_was_handed_out_is_stated_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = await Manager.start()
    for number in range(6):
        await manager.cloud.put(f"o{number}", b"x")
    monkeypatch.setattr(openings_store, "LOOKED_AT_MAX", 3)
    page = await listed(manager, "projects/lab:demo", pageSize="2")
    facts = (await last_entry(manager.cloud.parts.sealed)).facts
    handed = [(int(one["index"]), opened(one).commitment()) for one in page.get("openings", [])]
    assert facts == {
        "from": "0",
        "to": facts["to"],
        "count": str(len(handed)),
        "digest": digest(handed),
    }
    assert 0 < int(facts["to"]) <= 3
    count = len(await everything(manager, "projects/lab:demo"))
    monkeypatch.undo()
    assert len(await everything(manager, "projects/lab:demo")) >= count


async def test_an_answer_opens_the_entry_that_states_it() -> None:
    manager = await Manager.start()
    sealed = manager.cloud.parts.sealed
    page = await listed(manager, "projects/lab:demo")
    end = await sealed.length(FEED)
    assert page["statement"]["index"] == str(end - 1)
    [entry] = await sealed.entries(FEED, end - 1, limit=1)
    assert opened(page["statement"]).opens(entry.commitment)
    assert decode(page["statement"]["leaf"].encode()).facts["count"] == str(len(page["openings"]))


async def test_a_list_begins_where_it_is_asked_to() -> None:
    manager = await Manager.start()
    for number in range(3):
        await manager.cloud.put(f"o{number}", b"x")
    every = [one["index"] for one in await everything(manager, "projects/lab:demo")]
    page = await listed(manager, "projects/lab:demo", startIndex=every[2])
    assert [one["index"] for one in page["openings"]][: len(every) - 2] == every[2:]
    facts = (await last_entry(manager.cloud.parts.sealed)).facts
    assert facts["from"] == every[2]


@pytest.mark.parametrize("start", ["-1", "x", "9" * 30])
async def test_a_beginning_that_is_none_is_refused(start: str) -> None:
    manager = await Manager.start()
    method = "transparency.projects.openings.list"
    parent = "projects/lab:demo"
    problem = await manager.refusal(method, query={"startIndex": start}, parent=parent)
    assert problem.field == "startIndex"


async def test_a_token_of_another_list_is_refused() -> None:
    manager = await Manager.start()
    method = "transparency.projects.openings.list"
    problem = await manager.refusal(method, query={"pageToken": "YWJj"}, parent="projects/lab:demo")
    assert problem.field == "pageToken"
