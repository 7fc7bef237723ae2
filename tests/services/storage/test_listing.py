"""Listings against a slow model, over small alphabets so that prefixes and borders collide."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rempart.core.errors import CloudError
from support.cloud_storage import Cloud

NAMES = st.lists(st.text("ab/", min_size=1, max_size=5), unique=True, max_size=14)
QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "prefix": st.text("ab/", max_size=3),
        "delimiter": st.sampled_from(["/", "a", "b/"]),
        "startOffset": st.text("ab/", max_size=3),
        "endOffset": st.text("ab/", min_size=1, max_size=3),
        "includeTrailingDelimiter": st.sampled_from(["true", "false"]),
    },
)


@pytest.fixture(scope="module")
def cloud() -> Cloud:
    return asyncio.run(Cloud.start())


def model(names: list[str], query: dict[str, str]) -> tuple[list[str], list[str]]:
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    trailing = query.get("includeTrailingDelimiter") == "true"
    items, prefixes = [], []
    for name in sorted(names):
        if not name.startswith(prefix) or name < query.get("startOffset", ""):
            continue
        if "endOffset" in query and name >= query["endOffset"]:
            continue
        at = name.find(delimiter, len(prefix)) if delimiter else -1
        if at < 0:
            items.append(name)
            continue
        common = name[: at + len(delimiter)]
        if common not in prefixes:
            prefixes.append(common)
        if trailing and name == common:
            items.append(name)
    return items, prefixes


async def _all_pages(cloud: Cloud, query: dict[str, str], size: int) -> list[dict[str, Any]]:
    pages = [await cloud.list(**query, maxResults=str(size))]
    while "nextPageToken" in pages[-1]:
        token = pages[-1]["nextPageToken"]
        pages.append(await cloud.list(**query, maxResults=str(size), pageToken=token))
        assert len(pages) < 100
    return pages


def _names(pages: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    items = [one["name"] for page in pages for one in page.get("items", [])]
    return items, [one for page in pages for one in page.get("prefixes", [])]


@settings(max_examples=150, deadline=None)
@given(names=NAMES, query=QUERIES, size=st.integers(1, 6))
def test_pages_of_any_size_add_up_to_what_the_model_lists(
    cloud: Cloud, names: list[str], query: dict[str, str], size: int
) -> None:
    async def run() -> None:
        await cloud.use_new_bucket()
        for name in names:
            await cloud.put(name)
        assert _names(await _all_pages(cloud, query, size)) == model(names, query)

    asyncio.run(run())


@settings(max_examples=40, deadline=None)
@given(writes=st.lists(st.sampled_from("abc"), max_size=12), size=st.integers(1, 4))
def test_versions_list_every_generation_once_oldest_first(
    cloud: Cloud, writes: list[str], size: int
) -> None:
    async def run() -> None:
        await cloud.use_new_bucket(versioning={"enabled": True})
        made = [(name, (await cloud.put(name, b"x"))["generation"]) for name in writes]
        pages = await _all_pages(cloud, {"versions": "true"}, size)
        listed = [
            (one["name"], one["generation"]) for page in pages for one in page.get("items", [])
        ]
        assert listed == sorted(made, key=lambda one: (one[0], int(one[1])))

    asyncio.run(run())


async def test_a_page_token_stays_right_when_objects_come_and_go(cloud: Cloud) -> None:
    await cloud.use_new_bucket()
    for name in ("b", "d", "f"):
        await cloud.put(name)
    first = await cloud.list(maxResults="1")
    await cloud.put("a")
    await cloud.put("c")
    await cloud.ask("objects.delete", path={"object": "d"}, verb="DELETE")
    rest = await cloud.list(pageToken=first["nextPageToken"])
    assert [one["name"] for one in rest["items"]] == ["c", "f"]


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("*.txt", ["a.txt"]),
        ("**.txt", ["a.txt", "dir/b.txt", "dir/sub/c.txt"]),
        ("dir/*", ["dir/b.txt"]),
        ("dir/**", ["dir/b.txt", "dir/sub/c.txt"]),
        ("?.txt", ["a.txt"]),
        ("{a,dir/b}.txt", ["a.txt", "dir/b.txt"]),
        ("[!b].txt", ["a.txt"]),
        ("a\\.txt", ["a.txt"]),
    ],
)
async def test_globs_match_as_google_says(cloud: Cloud, glob: str, found: list[str]) -> None:
    await cloud.use_new_bucket()
    for name in ("a.txt", "dir/b.txt", "dir/sub/c.txt", "other"):
        await cloud.put(name)
    page = await cloud.list(matchGlob=glob)
    assert [one["name"] for one in page.get("items", [])] == found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"pageToken": "!!"}, "pageToken"),
        ({"pageToken": "AAAA"}, "pageToken"),
        ({"maxResults": "x"}, "maxResults"),
        ({"maxResults": "-1"}, "maxResults"),
        ({"versions": "maybe"}, "versions"),
        ({"matchGlob": "{a"}, "matchGlob"),
        ({"matchGlob": "a" * 1025}, "matchGlob"),
    ],
)
async def test_a_bad_parameter_is_named(cloud: Cloud, query: dict[str, str], field: str) -> None:
    with pytest.raises(CloudError) as refusal:
        await cloud.list(**query)
    assert refusal.value.status == 400
    assert refusal.value.field == field
