"""Sinks that lead to syslog servers: RFC 5424, over TCP and TLS, and nothing is lost."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import re
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from rempart.config import Address
from rempart.config import SyslogServer as Named
from rempart.core.errors import CloudError
from rempart.services.logging.exporting import PAUSE_MICROS
from support.certificates import SERVER_AUTH, Issued, common_name, root
from support.cloud_logs import CONTAINER, Logs
from support.syslog_server import SyslogServer, syslog_server

SINK, TEXT = "syslog.rempart.io/siem", 'log_id("app")'
RFC_5424 = re.compile(
    r"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z) (\S{1,255}) (\S{1,48})"
    r" - - - (\{.*\})"
)


def named(server: SyslogServer, authorities: str = "", **changes: Any) -> Named:
    plain = not authorities
    address = Address("127.0.0.1", server.port)
    return Named("siem", address, (CONTAINER,), authorities, plain=plain, **changes)


async def entries_at(server: SyslogServer) -> list[dict[str, Any]]:
    found = [RFC_5424.fullmatch(one) for one in server.messages]
    assert all(found), server.messages
    return [json.loads(one[5]) for one in found if one]


async def test_every_entry_is_a_message_with_its_severity_and_log() -> None:
    async with syslog_server(SyslogServer()) as server:
        logs = await Logs.start(named(server))
        made = await logs.sink(SINK, f"{TEXT} OR protoPayload.methodName:CreateExclusion")
        assert "writerIdentity" not in made
        await logs.write("one", "two\n<13>1 - forged")
        logs.cloud.clock.advance(1)
        given = {"name": "e", "filter": "severity=DEBUG"}
        await logs.ask("projects.exclusions.create", given, parent=CONTAINER)
        read = await logs.read(f"{TEXT} OR protoPayload.methodName:CreateExclusion")
        await logs.cloud.parts.exports.run()
        assert await entries_at(server) == read
        heads = [RFC_5424.fullmatch(one) for one in server.messages]
        shown = [one.group(1, 3, 4) for one in heads if one]
        host = "apis.example.test"
        assert shown == [("14", host, "app"), ("14", host, "app"), ("109", host, "activity")]
        await logs.cloud.parts.exports.run()
        assert len(server.messages) == 3


async def test_a_server_that_is_away_gets_everything_once_it_is_back() -> None:
    server = SyslogServer()
    async with syslog_server(server):
        logs = await Logs.start(named(server))
    await logs.sink(SINK, TEXT)
    await logs.write("early")
    await logs.cloud.parts.exports.run()
    [told] = await logs.read('log_id("logging.googleapis.com/sink_error")')
    assert told["labels"]["sink_id"] == "out"
    logs.cloud.clock.advance(PAUSE_MICROS / 1_000_000)
    await logs.write("late")
    async with syslog_server(server):
        await logs.cloud.parts.exports.run()
    assert [one["textPayload"] for one in await entries_at(server)] == ["early", "late"]


async def test_a_server_that_dies_while_it_is_told_is_told_again() -> None:
    async with syslog_server(SyslogServer(dies_after=100)) as server:
        logs = await Logs.start(named(server))
        await logs.sink(SINK, TEXT)
        await logs.write(*("x" * 100_000 for _ in range(9)))
        await logs.cloud.parts.exports.run()
        assert server.messages == []
        logs.cloud.clock.advance(PAUSE_MICROS / 1_000_000)
        await logs.cloud.parts.exports.run()
        assert len(await entries_at(server)) == 9


def certificate(folder: Path, authority: Issued) -> ssl.SSLContext:
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = dt.datetime.now(dt.UTC)
    made = authority.issue(
        common_name("siem"), now, purposes=(SERVER_AUTH,), names=(address,)
    ).write(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*made)
    return context


async def test_over_tls_a_server_is_who_it_says_or_is_told_nothing(tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    authority, other = root(now), root(now, "Other")
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    good.write_text(authority.pem)
    bad.write_text(other.pem)
    tls = certificate(tmp_path, authority)
    for trusted, count in ((bad, 0), (good, 500)):
        async with syslog_server(SyslogServer(), tls) as server:
            logs = await Logs.start(named(server, str(trusted)))
            await logs.sink(SINK, TEXT)
            await logs.write(*(f"{at}" for at in range(500)))
            await logs.cloud.parts.exports.run()
            assert len(await entries_at(server)) == count


async def test_a_server_that_dies_during_tls_is_told_again(tmp_path: Path) -> None:
    authority = root(dt.datetime.now(dt.UTC))
    (tmp_path / "ca.pem").write_text(authority.pem)
    tls = certificate(tmp_path, authority)
    async with syslog_server(SyslogServer(dies_after=100), tls) as server:
        logs = await Logs.start(named(server, str(tmp_path / "ca.pem")))
        await logs.sink(SINK, TEXT)
        await logs.write(*("x" * 100_000 for _ in range(9)))
        await logs.cloud.parts.exports.run()
        logs.cloud.clock.advance(PAUSE_MICROS / 1_000_000)
        await logs.cloud.parts.exports.run()
        assert len(await entries_at(server)) == 9


@pytest.mark.parametrize("destination", [SINK, "syslog.rempart.io/other"])
async def test_a_server_that_the_operator_does_not_name_for_it_is_refused(destination: str) -> None:
    elsewhere = Named("siem", Address("127.0.0.1", 9), ("projects/lab:other",), plain=True)
    logs = await Logs.start(elsewhere)
    with pytest.raises(CloudError) as problem:
        await logs.sink(destination)
    assert problem.value.field == "destination"
    assert "names no syslog server" in problem.value.message
