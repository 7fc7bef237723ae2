"""What `doctor` says of the log: of a running one by its own word, of one at rest by its policy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rempart.cli import log_check
from rempart.cli.log_check import examine_log
from rempart.cli.log_site import LogState
from rempart.tlog.keys import Algorithm, seeded_signer
from rempart.tlog.policy import Log, Witness, quorum_of
from support.shell import Shell

LOG = seeded_signer("log.example", Algorithm.ED25519, b"l" * 32).key
WITNESS = seeded_signer("w.example", Algorithm.COSIGNATURE_ED25519, b"w" * 32).key


def _policy(url: str | None) -> bytes:
    return quorum_of([Log(LOG)], [Witness(b"w", WITNESS, url)], 1).encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"nonsense\n", "log-policy cannot be used"),
        (b"quorum none\n", "does not name this log"),
        (_policy(None), "too few"),
    ],
)
def test_a_policy_that_would_refuse_the_next_start_is_told_while_the_universe_is_stopped(
    created: Shell, content: bytes, said: str
) -> None:
    (created.data / "log-policy").write_bytes(content)
    answer = created.type("doctor", "--json")
    assert answer.exit_code == 1
    (told,) = [one for one in json.loads(answer.output)["checks"] if one["name"] == "log"]
    assert said in told["detail"]
    assert "log-policy" in told["remedy"]
    (created.data / "log-policy").write_bytes(_policy("https://w.example/"))
    assert created.type("doctor").exit_code == 0


def _state(*faults: str, lacking: str = "") -> LogState:
    witnesses = [
        {
            "name": f"w.example/{n}",
            "url": "",
            "fault": fault,
            "message": fault and "Why.",
            "size": 1,
        }
        for n, fault in enumerate(faults)
    ]
    return LogState({"size": 1, "publishedSize": 1, "lacking": lacking, "witnesses": witnesses})


@pytest.mark.parametrize(
    ("found", "word", "said"),
    [
        (_state("", ""), "ok", "witnessed"),
        (_state("", "late"), "ok", "witnessed"),
        (_state("", "offline"), "WARN", "w.example/1 does not cosign: Why."),
        (_state("", "false"), "WARN", "w.example/1 does not cosign: Why."),
        (_state("offline", lacking="Too few."), "BAD", "Too few."),
    ],
)
def test_a_lost_witness_is_a_warning_while_the_others_are_enough(
    monkeypatch: pytest.MonkeyPatch, found: LogState, word: str, said: str
) -> None:
    monkeypatch.setattr(log_check, "state", lambda _: found)
    (finding,) = examine_log(Path("unasked"))
    assert finding.word == word
    assert said in finding.detail
