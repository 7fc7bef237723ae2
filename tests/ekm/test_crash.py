"""What a crash, a full disk and a second start leave: nothing answered that is not on record."""

from __future__ import annotations

import json
import resource
import signal
import threading
import time
from pathlib import Path

import httpx

from rempart.ekm.record.segments import segments
from support.key_holder import KEY, SPACE, KeyHolder, b64, running, use

THREADS = 8


def _storm(holder: KeyHolder, thread: int, answered: list[str], *, stop: threading.Event) -> None:
    token = holder.issuer.token(holder.audience)
    with holder.client() as client:
        for number in range(100_000):
            if stop.is_set():
                return
            target = f"{thread}-{number}"
            body = use(plaintext=b64(b"secret"))
            body["additionalContext"]["rempartContext"] = {"target": target}
            try:
                answer = holder.ask_over(client, "wrap", body, token=token)
            except httpx.HTTPError:
                return
            if answer.status_code == 200:
                answered.append(target)


def test_every_answer_before_a_kill_is_on_record(tmp_path: Path) -> None:
    with running(tmp_path / "data") as holder:
        for _ in range(3):
            answered: list[str] = []
            stop = threading.Event()
            threads = [
                threading.Thread(
                    target=_storm, args=(holder, each, answered), kwargs={"stop": stop}
                )
                for each in range(THREADS)
            ]
            for thread in threads:
                thread.start()
            time.sleep(1)
            holder.stop(signal.SIGKILL)
            for thread in threads:
                thread.join()
            recorded = {
                entry["target"] for entry in holder.entries() if entry.get("status") == 200
                and "target" in entry
            }  # fmt: skip
            assert len(answered) > THREADS
            assert set(answered) <= recorded
            holder.start()
        assert holder.ask("wrap", use(plaintext="")).status_code == 200
        holder.run("log", "--verify")


def test_changes_survive_a_kill_whole_or_not_at_all(tmp_path: Path) -> None:
    with running(tmp_path / "data") as holder:
        for round_number in range(3):
            made: list[str] = []
            thread = threading.Thread(target=_make_keys, args=(holder, round_number, made))
            thread.start()
            time.sleep(0.3)
            holder.stop(signal.SIGKILL)
            thread.join()
            holder.start()
            for path in made:
                assert holder.ask("wrap", use(plaintext=""), path=path).status_code == 200
            listed = json.loads(holder.run("keys", "list", "--json"))["keys"]
            ids = {key["id"] for key in listed if key["state"] == "ENABLED"}
            assert {path.name for path in (holder.data / "material").iterdir()} == ids


def _make_keys(holder: KeyHolder, round_number: int, made: list[str]) -> None:
    with holder.client() as client:
        for number in range(1000):
            name = f"k{round_number}-{number}"
            body = {"algorithm": "EXTERNAL_SYMMETRIC_ENCRYPTION", "keyName": name}
            try:
                answer = holder.ask_over(client, "createKey", body, path=SPACE)
            except httpx.HTTPError:
                return
            assert answer.status_code == 200
            made.append(f"{SPACE}/keys/{name}")


def test_a_full_disk_answers_503_until_there_is_room(tmp_path: Path) -> None:
    with running(tmp_path / "data") as holder:
        assert holder.process is not None
        log = segments(holder.data / "log")[-1]
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        room = log.stat().st_size + 1500
        resource.prlimit(holder.process.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        answers = [holder.ask("wrap", use(plaintext="")) for _ in range(8)]
        statuses = [answer.status_code for answer in answers]
        assert statuses == sorted(statuses)
        assert (statuses[0], statuses[-1]) == (200, 503)
        assert answers[-1].json()["error"]["status"] == "UNAVAILABLE"
        assert "wrappedBlob" not in answers[-1].text
        assert holder.ask("destroyKey").status_code == 503
        assert "log cannot be written" in holder.run("keys", "destroy", KEY, "--yes", fails=True)
        resource.prlimit(holder.process.pid, resource.RLIMIT_FSIZE, unlimited)
        assert holder.ask("wrap", use(plaintext="")).status_code == 200
        recorded = [entry for entry in holder.entries() if entry.get("status") == 200]
        wraps = [entry for entry in recorded if entry["verb"] == "wrap"]
        assert len(wraps) == statuses.count(200) + 1


def test_a_second_start_on_one_directory_is_refused(tmp_path: Path) -> None:
    with running(tmp_path / "data") as holder:
        assert "already runs" in holder.run("up", fails=True)
        assert holder.ask("wrap", use(plaintext="")).status_code == 200


def test_a_start_refuses_a_log_that_was_changed(tmp_path: Path) -> None:
    with running(tmp_path / "data") as holder:
        holder.stop()
        log = segments(holder.data / "log")[-1]
        log.write_bytes(log.read_bytes().replace(b"keys.create", b"keys.delete", 1))
        assert "does not chain" in holder.run("up", fails=True)
        assert "does not verify" in holder.run("log", "--verify", fails=True)
