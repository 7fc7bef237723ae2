"""Sinks that lead out of the logs: everything arrives, once it can, and none twice."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from rempart.core.errors import CloudError
from rempart.services.logging.exporting import BATCH_MICROS, PAUSE_MICROS, Exports, Ways
from rempart.services.logging.kinds import WAITING
from support.cloud_logs import CONTAINER, Logs


class KilledError(Exception):
    """The end of a process, in the middle."""


TEXT = 'log_id("app")'


async def deliver(logs: Logs) -> None:
    """Let enough time pass for what waits to be due, and deliver it."""
    logs.cloud.clock.advance(BATCH_MICROS / 1_000_000)
    await logs.cloud.parts.exports.run()


async def waiting(logs: Logs) -> int:
    found = await logs.cloud.parts.sealed.scan(WAITING, WAITING.under(), limit=100)
    return sum(one.value.count for one in found)


async def objects(logs: Logs, *others: str) -> dict[str, list[dict[str, Any]]]:
    """Return the entries of the objects in the bucket, by name, but for others that are there."""
    names = [one["name"] for one in (await logs.cloud.list()).get("items", [])]
    names = [name for name in names if name not in others]
    contents = {name: await logs.cloud.read(name) for name in names}
    return {name: list(map(json.loads, one.splitlines())) for name, one in contents.items()}


def texts(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    return [one["textPayload"] for name in sorted(found) for one in found[name]]


async def stored(logs: Logs, filter_: str = TEXT, *, granted: bool = True) -> str:
    """Make a sink that leads to the bucket, let it write there, and return its writer."""
    writer = (await logs.sink(f"storage.googleapis.com/{logs.cloud.bucket}", filter_))[
        "writerIdentity"
    ]
    if granted:
        await grant(logs, writer)
    return str(writer)


async def grant(logs: Logs, writer: str) -> None:
    bindings = (await resource_policy(logs))["bindings"]
    bindings.append({"role": "roles/storage.objectCreator", "members": [writer]})
    await logs.cloud.ask("buckets.setIamPolicy", document={"bindings": bindings}, verb="PUT")


async def resource_policy(logs: Logs) -> dict[str, Any]:
    found = (await logs.cloud.ask("buckets.getIamPolicy")).document
    assert isinstance(found, dict)
    return dict(found)


async def test_entries_become_an_object_of_lines_for_each_log() -> None:
    logs = await Logs.start()
    await stored(logs, 'log_id("app") OR log_id("web/access")')
    await logs.write("one", "two")
    await logs.write("three", log="web%2Faccess")
    await logs.cloud.parts.exports.run()
    assert await objects(logs) == {}, "they wait for others"
    await deliver(logs)
    found = await objects(logs)
    assert sorted(name.split("/20")[0] for name in found) == ["app", "web/access"]
    assert sorted(texts(found)) == ["one", "three", "two"]
    assert all(one.endswith(".json") for one in found)
    assert found == {
        name: await logs.read(f'logName="{entries[0]["logName"]}"')
        for name, entries in found.items()
    }
    await deliver(logs)
    assert await objects(logs) == found
    assert await waiting(logs) == 0


async def test_no_name_and_no_text_makes_a_line_of_its_own() -> None:
    logs = await Logs.start()
    forged = '{"logName":"projects/lab:demo/logs/forged","severity":"ALERT"}'
    text, name = f"\n{forged}\r{forged}\x1b[2J", f"x\u2028{forged}\x1b"
    await stored(logs, f"{TEXT} OR protoPayload.methodName=storage.objects.create")
    await logs.write(text)
    await logs.cloud.put(name)
    await logs.read("")
    await deliver(logs)
    found = await objects(logs, name)
    lines = [one for entries in found.values() for one in entries]
    named = [one["protoPayload"]["resourceName"] for one in lines if "protoPayload" in one]
    assert [one.get("textPayload") for one in lines if "textPayload" in one] == [text]
    assert named == [f"projects/_/buckets/{logs.cloud.bucket}/objects/{name}"]
    assert len(lines) == 2


async def test_a_sink_that_may_not_write_loses_nothing_and_says_so() -> None:
    logs = await Logs.start()
    writer = await stored(logs, granted=False)
    await logs.write("early")
    await deliver(logs)
    assert await objects(logs) == {}
    [told] = await logs.read('log_id("logging.googleapis.com/sink_error")')
    assert told["resource"] == {
        "type": "logging_sink",
        "labels": {
            "name": "out",
            "destination": f"storage.googleapis.com/{logs.cloud.bucket}",
            "project_id": "lab:demo",
        },
    }
    await logs.write("late")
    await grant(logs, writer)
    await logs.cloud.parts.exports.run()
    assert await objects(logs) == {}, "it is left alone for a while"
    logs.cloud.clock.advance(PAUSE_MICROS / 1_000_000)
    await deliver(logs)
    assert sorted(texts(await objects(logs))) == ["early", "late"]


async def test_a_crash_after_an_object_was_written_writes_no_second_one() -> None:
    logs = await Logs.start()
    await stored(logs)
    await logs.write("once")
    parts = logs.cloud.parts
    ways: Ways = parts.exports._ways

    async def put_and_die(*given: Any) -> None:
        await ways.put(*given)
        raise KilledError

    dying = Exports(parts.sealed, replace(ways, put=put_and_die), parts.world)
    logs.cloud.clock.advance(BATCH_MICROS / 1_000_000)
    with pytest.raises(KilledError):
        await dying.run()
    assert await waiting(logs) == 1
    await deliver(logs)
    assert texts(await objects(logs)) == ["once"]
    assert await waiting(logs) == 0


async def test_what_a_sink_itself_does_is_not_for_it() -> None:
    logs = await Logs.start()
    writer = await stored(logs, "")
    await logs.write("x")
    for _ in range(3):
        await logs.read("")  # audit logs are made of the universe's own log
        await deliver(logs)
    exported = [one for entries in (await objects(logs)).values() for one in entries]
    who = [one.get("protoPayload", {}).get("authenticationInfo", {}) for one in exported]
    assert exported
    assert writer not in [one.get("principalSubject") for one in who]
    by_itself = await logs.read(f'protoPayload.authenticationInfo.principalSubject="{writer}"')
    assert by_itself, "they are in the logs all the same"
    before = len(await objects(logs))
    await logs.cloud.parts.logs.projection.catch_up()
    await deliver(logs)
    await deliver(logs)
    assert len(await objects(logs)) - before <= 1, "it comes to an end"


async def test_no_log_leads_out_of_its_folder() -> None:
    logs = await Logs.start()
    ids = ["..", "..%2F..%2Fetc%2Fpasswd", ".well-known%2Facme-challenge%2Fx"]
    await stored(logs, "severity=DEFAULT NOT protoPayload:*")
    for log in ids:
        await logs.write("x", log=log)
    await deliver(logs)
    assert {name.split("/20")[0] for name in await objects(logs)} == {
        "%2E.",
        "%2E./%2E./etc/passwd",
        "%2Ewell-known/acme-challenge/x",
    }


async def test_a_log_bucket_that_is_away_gets_everything_once_it_is_back() -> None:
    logs = await Logs.start()
    bucket = f"{CONTAINER}/locations/global/buckets/later"
    await logs.sink(f"logging.googleapis.com/{bucket}", TEXT)
    await logs.write("early")
    await deliver(logs)
    assert await logs.read('log_id("logging.googleapis.com/sink_error")')
    parent = f"{CONTAINER}/locations/global"
    await logs.ask("projects.locations.buckets.create", {}, {"bucketId": "later"}, parent=parent)
    await logs.write("late")
    view = {"resourceNames": [f"{bucket}/views/_AllLogs"]}
    assert [one["textPayload"] for one in (await logs.ask("entries.list", view))["entries"]] == [
        "late"
    ]
    await deliver(logs)
    found = (await logs.ask("entries.list", view))["entries"]
    assert [one["textPayload"] for one in found] == ["early", "late"]
    assert await waiting(logs) == 0


async def test_what_waits_for_a_sink_that_is_gone_goes() -> None:
    logs = await Logs.start()
    await stored(logs, granted=False)
    await logs.write("x")
    await logs.ask("projects.sinks.delete", sinkName="projects/lab:demo/sinks/out")
    assert await waiting(logs) == 1
    await deliver(logs)
    assert await waiting(logs) == 0
    assert await objects(logs) == {}


async def test_entries_written_by_a_refused_call_do_not_leave() -> None:
    logs = await Logs.start()
    await stored(logs)
    with pytest.raises(CloudError):
        await logs.write("x", log="bad%20id")
    assert await waiting(logs) == 0
