"""A sealed universe through its doors: health checks, and nothing else until enough shares came."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise, permutations
from pathlib import Path

import grpc
import httpx
import pytest

from rempart.edge.errors import LISTED
from rempart.wire import WireMethod, WireService, all_services
from rempart.wire.grpc import all_tables
from sealing.stand import Stand, command
from support.universe import created

DOMAIN = "apis.rempart.test"
VARIABLE = re.compile(r"\{\+?(\w+)(?:=([^}]*))?\}")


def test_every_described_method_is_refused_in_its_own_shape(stand: Stand) -> None:
    with httpx.Client(base_url=stand.universe.plain_url, trust_env=False) as caller:
        answered = [
            (method.id, answer.status_code, answer.text)
            for service, method, path in described()
            if not is_refusal(service, answer := asked(caller, service, method, path))
        ]
    assert answered == []


def test_every_grpc_method_is_refused(stand: Stand) -> None:
    trust = grpc.ssl_channel_credentials((stand.data / "ca.pem").read_bytes())
    answered = []
    with grpc.secure_channel(f"localhost:{stand.universe.listen}", trust) as channel:
        paths = [method.path for table in all_tables() for method in table.methods]
        for path in paths:
            call = channel.unary_unary(f"/{path}")
            with pytest.raises(grpc.RpcError) as refusal:
                call(b"", timeout=10)
            status = refusal.value
            if status.code() is not grpc.StatusCode.UNAVAILABLE or "sealed" not in status.details():
                answered.append((path, status.code()))
    assert len(paths) > 50
    assert answered == []


@pytest.mark.parametrize(
    ("host", "verb", "path"),
    [
        ("oauth2", "POST", "/token"),
        ("storage", "GET", "/universe-descriptor-data/universe-descriptor.json"),
        ("accounts", "GET", "/oauth2/v3/certs"),
        ("accounts", "GET", "/.well-known/openid-configuration"),
        ("bucket.storage", "GET", "/object"),
        ("storage", "PUT", "/bucket/object"),
        ("storage", "POST", "/batch/storage/v1"),
    ],
)
def test_what_is_no_api_method_is_refused_too(
    stand: Stand, host: str, verb: str, path: str
) -> None:
    answer = httpx.request(
        verb, f"{stand.universe.plain_url}{path}", headers={"host": f"{host}.{DOMAIN}"}
    )
    assert answer.status_code == 503
    assert "sealed" in answer.text


def test_a_sealed_universe_says_so_to_whoever_asks(stand: Stand) -> None:
    health = stand.health()
    assert (health.status_code, health.json()) == (503, {"status": "SEALED"})
    stand.unseal(stand.words[1])
    status = command("status", "--data", stand.data, "--json")
    facts = json.loads(status.stdout)
    assert status.returncode == 3
    assert (facts["sealed"], facts["shares_given"], facts["shares_needed"]) == (True, 1, 2)
    doctor = command("doctor", "--data", stand.data)
    assert doctor.returncode == 1
    assert "sealed: 1 of 2 shares are here" in doctor.stdout
    assert "rempart unseal" in doctor.stdout
    assert "2 of its 3 custodians open it" in stand.universe.log()
    assert "unseal --data" in stand.universe.log()


def test_shares_in_each_order_open_it_and_it_serves_as_ever(tmp_path: Path) -> None:
    stand = Stand.create(tmp_path)
    for first, second in permutations(stand.words, 2):
        stand.universe.start()
        assert stand.unseal(first).stdout == "Taken: 1 of 2 shares are here.\n"
        assert stand.unseal(second).stdout == "The universe is unsealed.\n"
        stand.wait()
        with stand.universe.caller(stand.universe.token()) as caller:
            project = {"project": stand.universe.project}
            assert caller.get("/storage/v1/b", params=project).status_code == 200
        assert command("status", "--data", stand.data).returncode == 0
        assert stand.universe.terminate() == 0


def test_what_does_not_count_is_told_and_spoils_nothing(stand: Stand, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    foreign = Stand.create(tmp_path / "other").words
    assert stand.unseal(stand.words[0]).returncode == 0
    for line, told in (
        (stand.words[0], "counts once"),
        (foreign[1], "another set"),
        (" ".join(reversed(stand.words[1].split())), "a word is wrong"),
        ("three words only", "33 words; 3 were given"),
        ('{"type":"share-answer"}', "not a custodian's answer"),
    ):
        refused = stand.unseal(line)
        assert refused.returncode == 1
        assert told in refused.stderr
        assert "1 of 2 shares are here" in refused.stderr
    assert stand.unseal(stand.words[2]).stdout == "The universe is unsealed.\n"
    stand.wait()
    share, log = stand.words[0].split(), stand.universe.log().split()
    assert not set(pairwise(share)) & set(pairwise(log)), "two words of a share in a row"


def test_shares_are_gone_with_the_process(stand: Stand) -> None:
    stand.unseal(stand.words[0])
    stand.universe.restart(kill=True)
    assert stand.unseal(stand.words[1]).stdout == "Taken: 1 of 2 shares are here.\n"


def test_a_sealed_universe_stops_cleanly(stand: Stand) -> None:
    assert stand.universe.terminate() == 0
    assert stand.universe.log().endswith("Stopped.\n")


def test_unseal_says_where_there_is_nothing_to_unseal(stand: Stand, tmp_path: Path) -> None:
    stand.open()
    assert "is not sealed" in stand.unseal(stand.words[0]).stderr
    stand.universe.terminate()
    assert "No universe runs" in stand.unseal(stand.words[0]).stderr
    assert "There is no universe" in command("unseal", "--data", tmp_path / "no").stderr


def test_verify_asks_for_shares_and_leaves_the_root_nowhere(stand: Stand) -> None:
    busy = command("verify", "--data", stand.data, lines=tuple(stand.words))
    assert busy.returncode == 75
    assert "stop it first" in busy.stderr
    stand.universe.terminate()
    few = command("verify", "--data", stand.data, lines=(stand.words[0], stand.words[0]))
    assert few.returncode == 1
    assert "1 of 2 shares were given" in few.stderr
    done = command("verify", "--data", stand.data, lines=(stand.words[2], stand.words[0]))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything checks." in done.stdout
    assert not (stand.data / "root.key").exists()


def test_data_outlives_being_sealed(stand: Stand) -> None:
    stand.open()
    with stand.universe.caller(stand.universe.token()) as caller:
        created(caller, stand.universe, "kept-while-sealed")
    stand.universe.restart()
    with stand.universe.caller(stand.universe.token()) as caller:
        assert caller.get("/storage/v1/b/kept-while-sealed").status_code == 503
        stand.open()
        assert caller.get("/storage/v1/b/kept-while-sealed").status_code == 200


def described() -> Iterator[tuple[WireService, WireMethod, str]]:
    for service in all_services():
        for method in service.methods:
            for path in filter(None, (method.path, method.upload, method.download)):
                yield service, method, "/" + VARIABLE.sub(_filled, path)


def _filled(variable: re.Match[str]) -> str:
    return (variable[2] or "*").replace("**", "x1").replace("*", "x1")


def asked(
    caller: httpx.Client, service: WireService, method: WireMethod, path: str
) -> httpx.Response:
    host = f"{service.host}.{DOMAIN}"
    return caller.request(method.verb, path, headers={"host": host}, content=b"not JSON")


def is_refusal(service: WireService, answer: httpx.Response) -> bool:
    if answer.status_code != 503:
        return False
    error = answer.json()["error"]
    if service.name in LISTED:
        return bool(error["errors"][0]["reason"] == "backendError" and "sealed" in error["message"])
    return bool(error["status"] == "UNAVAILABLE" and "sealed" in error["message"])
