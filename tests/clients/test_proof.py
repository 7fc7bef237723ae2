"""`rempart proof fetch` and `rempart verify` on a real universe, as its customers use them."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.universe import REMPART, CommandFailed, Universe

PAGE = Path(__file__).parents[2] / "docs" / "proof.md"
COVERED_SECONDS_MAX = 20


def published(caller: httpx.Client, count: int) -> bytes:
    """Return a checkpoint of the log that covers so many entries."""
    deadline = time.monotonic() + COVERED_SECONDS_MAX
    while True:
        answer = caller.get("/.log/checkpoint")
        if answer.is_success and int(answer.text.splitlines()[1]) >= count:
            return answer.content
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)


def uploaded(caller: httpx.Client, bucket: str, name: str) -> str:
    """Put an object, and return the receipt that came with the answer."""
    path = f"/upload/storage/v1/b/{bucket}/o"
    answer = caller.post(path, params={"uploadType": "media", "name": name}, content=b"x")
    assert answer.is_success, answer.text
    return answer.headers["x-rempart-receipt"]


def told(universe: Universe, *words: str | Path, code: int) -> Any:
    return json.loads(universe.run(REMPART, "verify", *words, "--json", code=code).stdout)


def test_a_customer_proves_who_touched_a_bucket(
    universe: Universe, admin: httpx.Client, bucket: str, tmp_path: Path
) -> None:
    key = admin.get("/.log/key").text.strip()
    receipt = uploaded(admin, bucket, "first")
    old, receipts, bundle = tmp_path / "old", tmp_path / "receipts", tmp_path / "proof.zip"
    old.write_bytes(published(admin, int(receipt.split("/")[1]) + 1))
    receipts.write_text(f"{receipt}\n{uploaded(admin, bucket, 'second')}\n")
    fetched = universe.run(
        REMPART, "proof", "fetch", "--out", bundle, "--since", old, "--receipts", receipts
    )
    assert "BAD" not in fetched.stdout
    assert bundle.stat().st_mode & 0o777 == 0o600

    held = ("--key", key, "--checkpoint", old, "--receipts", receipts)
    countries = tmp_path / "countries.csv"
    countries.write_text("127.0.0.0,127.255.255.255,FR\n")
    asked = ("--report", "--resource", f"gs://{bucket}", "--geography", countries)
    document = told(universe, bundle, *held, *asked, code=0)
    [proved] = document["bundles"]
    assert proved["complete"]["parent"] == f"projects/{universe.project}"
    who = f"serviceAccount:{universe.admin_key['client_email']}"
    assert proved["counts"]["principals"][who] >= 3
    outcomes = [one for one in proved["report"] if one["outcome"] == "outcome 200"]
    assert [(one["method"], one["country"]) for one in outcomes] == [
        ("storage.buckets.insert", "FR"),
        ("storage.objects.insert", "FR"),
        ("storage.objects.insert", "FR"),
    ]
    assert {one["principal"] for one in outcomes} == {who}

    alone = universe.run(sys.executable, "-m", "rempart.verifier", bundle, *held)
    assert alone.stdout.endswith("Everything checks.\n")
    assert told(universe, bundle, code=2)["verdict"].startswith("All of it fits together")
    other = universe.run(REMPART, "proof", "fetch", "--out", tmp_path / "b.zip", "--since", bundle)
    assert "BAD" not in other.stdout
    both = told(universe, tmp_path / "b.zip", bundle, "--key", key, "--report", code=0)
    assert [one["ok"] for one in both["oneHistory"]] == [True]
    before, later = map(listed, reversed(both["bundles"]))
    assert later[:-1] == before, "a fetch is one entry of the log"
    one_byte_is_told(universe, bundle, held)


def listed(proved: Any) -> list[int]:
    """Return the entries of those who asked for entries."""
    return [one["index"] for one in proved["report"] if one["method"].endswith("openings.list")]


def one_byte_is_told(universe: Universe, bundle: Path, held: tuple[str | Path, ...]) -> None:
    content = bytearray(bundle.read_bytes())
    content[len(content) // 2] ^= 1
    bundle.write_bytes(content)
    problems = told(universe, bundle, *held, code=1)["bundles"][0]["checks"][0]["problems"]
    assert "checksum" in problems[0]


def test_an_organization_proves_what_is_in_all_its_projects(
    universe: Universe, admin: httpx.Client, bucket: str, tmp_path: Path
) -> None:
    receipt = uploaded(admin, bucket, "second")
    classified = {"labels": {"rempart-sensitivity": "sensible"}}
    assert admin.patch(f"/storage/v1/b/{bucket}", json=classified).is_success
    read = admin.get(f"/storage/v1/b/{bucket}/o/second", params={"alt": "media"})
    assert "x-rempart-receipt" in read.headers
    number = universe.above["organizations"].rpartition("/")[2]
    out = tmp_path / "organization.zip"
    universe.run(REMPART, "proof", "fetch", "--organization", number, "--out", out)
    key = admin.get("/.log/key").text.strip()
    [proved] = told(universe, out, "--key", key, "--resource", f"gs://{bucket}", code=0)["bundles"]
    assert proved["complete"]["parent"] == f"organizations/{number}"
    assert "storage.objects.insert" in {one["method"] for one in proved["report"]}
    [reads] = proved["reads"]
    assert (reads["onRecord"], reads["count"]) == (True, 1)
    assert reads["periods"][0]["because"] == f"projects/_/buckets/{bucket} is sensitive"
    assert reads["periods"][0]["entry"] > int(receipt.split("/")[1])


def test_who_comes_to_the_log_is_told_what_there_is_and_where(universe: Universe) -> None:
    with universe.caller() as anybody:
        index = anybody.get("/.log/")
        assert anybody.get("/.log").text == index.text
        assert index.headers["content-type"] == "text/plain; charset=utf-8"
        named = re.findall(r"^(https://\S+)  ", index.text, re.MULTILINE)
        assert len(named) == 7
        assert f"{universe.url}/.log/checkpoint" in named
        size = int(re.findall(r": ([0-9]+) entries", index.text)[0])
        tile = "/000" if size >= 256 else f"/000.p/{size}"
        for url in named:
            path = url.replace("/L/", "/0/").replace("/N", tile).replace("INDEX", "0")
            assert anybody.get(path).is_success, path
        assert index.text.startswith(f"The log log.{universe.domain}: ")
        assert anybody.get("/.log/nothing").status_code == 404
        host = {"host": f"log.{universe.domain}"}
        own = anybody.get("/", headers=host).text
        assert f"https://log.{universe.domain}/checkpoint " in own


def test_who_may_not_read_the_logs_gets_no_proof(universe: Universe, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.json"
    stranger.write_text(json.dumps(universe.keys["stranger"]))
    asked = ("--project", universe.project, "--key", stranger, "--out", tmp_path / "p.zip")
    refused = universe.run(REMPART, "proof", "fetch", *asked, code=1)
    assert "logging.privateLogEntries.list" in refused.stderr
    assert not list(tmp_path.glob("p.zip*"))


def commands(*, of_data: bool) -> str:
    """Return the commands of docs/proof.md: of customers, or at the machine."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) > 6
    return "".join(block for block in blocks if ("--data" in block) == of_data)


def test_the_commands_of_the_page_do_what_it_says(
    universe: Universe, admin: httpx.Client, bucket: str, tmp_path: Path
) -> None:
    receipt = uploaded(admin, bucket, "first")
    published(admin, int(receipt.split("/")[1]) + 1)
    printed = f"# of curl -i\nx-rempart-receipt: {uploaded(admin, bucket, 'second')}\r\n"
    (tmp_path / "receipts").write_text(f"{receipt}\n{printed}")
    register = json.loads((PAGE.parent / "spec/vectors/staff-register.json").read_text())
    (tmp_path / "staff-register.jws").write_text(register["register"])
    (tmp_path / "officer.json").write_text(json.dumps(register["officer"]))
    (tmp_path / "countries.csv").write_text("127.0.0.0,127.255.255.255,FR\n")
    environment = {
        "BUCKET": bucket,
        "DATA": str(universe.data),
        "PATH": f"{Path(sys.executable).parent}:{universe.env['PATH']}",
    }

    def typed(script: str) -> str:
        return universe.run("bash", "-euc", script, cwd=tmp_path, env=environment).stdout

    said = typed(commands(of_data=False))
    assert said.count("Everything checks.") == 4
    assert "country FR" in said
    assert f"Reads of data of gs://{bucket} are not on record: no entry of this bundle" in said
    assert "This file is a proof bundle" in said
    assert f"projects/_/buckets/{bucket}/objects/second" in (tmp_path / "report.csv").read_text()
    assert json.loads((tmp_path / "report.json").read_text())["ok"]
    universe.terminate()
    try:
        assert typed(commands(of_data=True)).endswith("Everything checks.\n")
        (tmp_path / "receipts").write_text(f"{receipt.rpartition('/')[0]}/{'0' * 64}\n")
        with pytest.raises(CommandFailed, match="was given for another entry"):
            typed(commands(of_data=True))
    finally:
        universe.start()
