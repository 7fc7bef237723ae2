"""Searches: what the query language means, and that nobody finds what they may not get."""

from __future__ import annotations

import fnmatch
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.core.errors import CloudError, Code
from rempart.services.resourcemanager.model.query import QUERY_CHARS_MAX, parse
from rempart.services.resourcemanager.searching import PROJECT_FIELDS
from support.manager import Manager

VIEW = {
    "displayname": ("my lab",),
    "id": ("lab:fresh-one",),
    "state": ("active",),
    "parent": ("folders/12",),
    "parent.type": ("folder",),
    "parent.id": ("12",),
    "labels": ("color", "red"),
    "labels.color": ("red",),
}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", True),
        ("name:my*", True),
        ("NAME:MY*", True),
        ('displayName="My Lab"', True),
        ('displayName = "My"', False),
        ("labels.color:*", True),
        ("labels.size:*", False),
        ("labels:color", True),
        ("labels.color:red labels.size:big", True),
        ("labels.color:blue OR labels.size:big", False),
        ("state:ACTIVE AND (labels.color:blue OR id:*fresh*)", True),
        ("lifecycleState=ACTIVE AND labels.color:blue name:my*", True),
        ("state:DELETE_REQUESTED AND name:my*", False),
        ("NOT labels.color:blue", True),
        ("-labels.color:red", False),
        ("parent.type:folder parent.id:12", True),
        ("parent.type:folder parent.id:13", False),
        ("parent.type:organization parent.id:12", False),
        ("parent:folders/12", True),
        ("parent=organizations/*", False),
        ("id:lab:fresh-one", True),
    ],
)
def test_a_query_means_what_google_says(query: str, *, found: bool) -> None:
    assert parse(query, PROJECT_FIELDS).admits(VIEW) is found


@pytest.mark.parametrize(
    "query",
    [
        *("colour:red", "(name:a", "name:a)", "name", "AND name:a", "name:a AND", "NOT"),
        *("name:a %", "(" * 100 + "name:a" + ")" * 100, "NOT " * 100 + "name:a"),
        "x" * (QUERY_CHARS_MAX + 1),
    ],
)
def test_what_is_no_query_is_refused(query: str) -> None:
    with pytest.raises(CloudError) as problem:
        parse(query, PROJECT_FIELDS)
    assert (problem.value.code, problem.value.field) == (Code.INVALID_ARGUMENT, "query")


@given(st.text("ab*", max_size=12), st.text("ab", max_size=12))
def test_a_star_stands_for_anything(pattern: str, value: str) -> None:
    query = parse(f'name:"{pattern}"', PROJECT_FIELDS)
    assert query.admits({"displayname": (value,)}) == fnmatch.fnmatchcase(value, pattern)


@given(st.text('()" ANDORNOTname:=*-ab', max_size=60))
def test_no_text_upsets_the_reader(text: str) -> None:
    try:
        parse(text, PROJECT_FIELDS).admits(VIEW)
    except CloudError as problem:
        assert problem.field == "query"  # noqa: PT017 - either outcome is right


async def found(manager: Manager, method: str, key: str, **asked: Any) -> list[str]:
    return [one[key] for one in (await manager.ask(method, **asked)).get("projects", [])]


async def test_a_caller_finds_what_it_may_get_and_nothing_else() -> None:
    manager = await Manager.start()
    member, token = await manager.stranger()
    team = await manager.new_folder("team")
    for id_ in ("fresh-one", "fresh-two"):
        await manager.new_project(id_, team)
    mine = await manager.new_project("fresh-three")
    for query in ("", f"parent:{team}"):
        assert await manager.ask("projects.search", query={"query": query}, by=token) == {}
    assert await manager.ask("v1.projects.list", by=token) == {}
    assert await manager.ask("folders.search", by=token) == {}
    assert await manager.ask("organizations.search", by=token) == {}
    await manager.grant(mine, "roles/browser", member)
    assert await found(manager, "projects.search", "projectId", by=token) == ["lab:fresh-three"]
    await manager.grant(team, "roles/viewer", member)
    every = ["lab:fresh-one", "lab:fresh-three", "lab:fresh-two"]
    assert await found(manager, "v1.projects.list", "projectId", by=token) == every
    below = {"query": {"query": f"parent:{team} AND id:*two"}}
    assert await found(manager, "projects.search", "projectId", by=token, **below) == [every[2]]
    assert await manager.ask("v2.folders.search", {"query": "displayName=team"}, by=token) == {}
    await manager.grant(team, "roles/resourcemanager.folderViewer", member)
    [folder] = (await manager.ask("v2.folders.search", {"query": "displayName=team"}, by=token))[
        "folders"
    ]
    assert folder["name"] == team


async def test_a_search_has_pages_and_looks_at_so_much_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manager = await Manager.start()
    ids = [f"lab:project-{number}" for number in range(7)]
    for id_ in ids:
        await manager.new_project(id_, manager.folder)
    ids.insert(0, "lab:demo")

    async def pages(method: str, **query: str) -> list[list[str]]:
        seen, token = list[list[str]](), ""
        while True:
            asked = {**query, "pageSize": "3", "pageToken": token}
            page = await manager.ask(method, query=asked)
            seen.append([one["projectId"] for one in page.get("projects", [])])
            token = page.get("nextPageToken", "")
            if not token:
                return seen

    in_threes = [ids[:3], ids[3:6], ids[6:]]
    assert await pages("projects.search") == in_threes
    assert await pages("projects.search", query=f"parent:{manager.folder}") == in_threes
    assert await pages("projects.list", parent=manager.folder) == in_threes
    monkeypatch.setattr("rempart.services.resourcemanager.searching.EXAMINED_MAX", 2)
    assert await pages("projects.search") == [ids[:2], ids[2:4], ids[4:6], ids[6:]]
    problem = await manager.refusal("projects.search", query={"pageToken": "é"})
    assert problem.field == "pageToken"


async def test_organizations_are_searched_by_their_domain() -> None:
    manager = await Manager.start()
    by_name = {"query": "domain:apis.example.test"}
    [shown] = (await manager.ask("organizations.search", query=by_name))["organizations"]
    assert shown["name"] == manager.organization
    assert await manager.ask("v1.organizations.search", {"filter": "domain:other.test"}) == {}
    got = await manager.ask("v1.organizations.get", name=manager.organization)
    assert got["lifecycleState"] == "ACTIVE"
