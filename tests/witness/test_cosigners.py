"""The log's side: several witnesses asked at once, of which some are slow, wrong or gone."""

from __future__ import annotations

import asyncio
import http.server
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typing_extensions import override

from rempart import outbound
from rempart.core.clock import Micros
from rempart.cosigners.asking import Cosigned, Endpoint, Fault, Witnesses
from rempart.cosigners.demand import demand_of, write
from rempart.cosigners.quorum import read_policy
from rempart.standalone import identity
from rempart.tlog.keys import Algorithm, Signer, seeded_signer
from rempart.tlog.note import parse_note
from rempart.tlog.policy import Log, Witness, quorum_of
from rempart.tlog.proving import Proof
from rempart.tlog.submission import parse_submission
from support.paper_log import PaperLog
from support.witness_program import WitnessProgram

LOG = PaperLog("log.example/cosigned", seed=b"cosigned" * 4)
Reply = Callable[[bytes], tuple[int, str]]


@pytest.fixture(scope="module")
def asked(witness: WitnessProgram) -> WitnessProgram:
    witness.run("add-log", LOG.signer.key.text)
    return witness


def _true(witness: WitnessProgram) -> Endpoint:
    return Endpoint(witness.keys, witness.url, witness.certificate)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("false")
    identity.create(data, "localhost", Micros(time.time_ns() // 1000))
    return data


def _signer(number: int = 1) -> Signer:
    name = f"witness.example/{number}"
    return seeded_signer(name, Algorithm.COSIGNATURE_ED25519, bytes([number]) * 32)


@contextmanager
def _stand_in(certificate: Path, reply: Reply, number: int = 1) -> Iterator[Endpoint]:
    """A witness that answers as the test likes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, text = reply(body)
            self.send_response(status)
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        @override
        def log_message(self, *words: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate / "tls" / "key.pem")
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    pem = (certificate / "tls" / "certificate.pem").read_text()
    try:
        yield Endpoint((_signer(number).key,), f"https://localhost:{server.server_port}/", pem)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _cosign(number: int = 1) -> Reply:
    def reply(body: bytes) -> tuple[int, str]:
        text = parse_submission(body).note.text
        return 200, _signer(number).signature(text, 1_700_000_000).line

    return reply


async def _ask(witnesses: Witnesses, size: int, log: PaperLog = LOG) -> Cosigned:
    async def prove(old: int) -> Proof:
        return log.proof(old, size)

    return await witnesses.cosign(log.note(size), prove)


async def test_a_log_that_grows_is_cosigned_at_each_step(asked: WitnessProgram) -> None:
    witnesses = Witnesses([_true(asked)])
    steps = [await _ask(witnesses, size) for size in (3, 3, 10, 11)]
    assert [it.failures for it in steps] == [()] * 4
    assert all([it.key for it in step.cosignatures] == list(asked.keys) for step in steps)
    note = steps[-1].on(LOG.note(11))
    policy = quorum_of([Log(LOG.signer.key)], [Witness(b"w", asked.keys[0])], 1)
    policy.check(parse_note(note.encode()))
    # One that starts anew knows nothing, and is told where the witness stands.
    assert (await _ask(Witnesses([_true(asked)]), 12)).failures == ()
    behind = await _ask(Witnesses([_true(asked)]), 5)
    assert [(it.fault, it.size) for it in behind.failures] == [(Fault.AHEAD, 12)]
    forked = await _ask(Witnesses([_true(asked)]), 12, LOG.forked(4))
    assert [it.fault for it in forked.failures] == [Fault.FORKED]
    grown = await _ask(Witnesses([_true(asked)]), 20, LOG.forked(4))
    assert [(it.fault, it.size) for it in grown.failures] == [(Fault.FORKED, 12)]
    witnesses.close()


WRONG: dict[str, tuple[Reply, Fault]] = {
    "a signature of another key": (_cosign(2), Fault.FALSE),
    "a signature of another checkpoint": (
        lambda _: (200, _signer().signature(LOG.note(8).text, 5).line),
        Fault.FALSE,
    ),
    "no signature": (lambda _: (200, ""), Fault.FALSE),
    "what is no signature": (lambda _: (200, "thanks\n"), Fault.FALSE),
    "too much": (lambda _: (200, "\u2014 x AAAAAAA=\n" * 9000), Fault.OFFLINE),
    "a conflict without a size": (lambda _: (409, "no"), Fault.FALSE),
    "a conflict for ever": (
        lambda body: (409, f"{(parse_submission(body).old + 1) % 3}\n"),
        Fault.REFUSED,
    ),
    "a refusal": (lambda _: (403, "no\n"), Fault.REFUSED),
    "a log that it does not know": (lambda _: (404, "what?\n"), Fault.UNKNOWN),
    "a redirect": (lambda _: (302, ""), Fault.REFUSED),
    "a failure": (lambda _: (500, ""), Fault.REFUSED),
}


@pytest.mark.parametrize("case", WRONG)
async def test_a_witness_that_is_wrong_is_told_and_not_believed(
    certificate: Path, case: str
) -> None:
    reply, fault = WRONG[case]
    with _stand_in(certificate, reply) as wrong, _stand_in(certificate, _cosign(3), 3) as true:
        cosigned = await _ask(Witnesses([wrong, true]), 9)
    assert [it.key for it in cosigned.cosignatures] == list(true.keys)
    assert [(it.witness, it.fault) for it in cosigned.failures] == [(wrong, fault)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("The log is unknown.\n", "It answered 404: The log is unknown."),
        ("no\x1b[2J\nbell\x07", "It answered 404: no [2J bell."),
        ("", "It answered 404."),
    ],
)
async def test_what_a_witness_answers_is_told_as_text_and_harms_no_terminal(
    certificate: Path, text: str, said: str
) -> None:
    with _stand_in(certificate, lambda _: (404, text)) as witness:
        cosigned = await _ask(Witnesses([witness]), 9)
    assert [it.message for it in cosigned.failures] == [said]


async def test_enough_answers_are_enough_and_a_slow_witness_is_not_waited_for(
    certificate: Path,
) -> None:
    free = threading.Event()

    def slow(body: bytes) -> tuple[int, str]:
        free.wait(10)
        return _cosign(1)(body)

    async def prove(old: int) -> Proof:
        return LOG.proof(old, 9)

    with (
        _stand_in(certificate, slow, 1) as late,
        _stand_in(certificate, _cosign(2), 2) as one,
        _stand_in(certificate, _cosign(3), 3) as two,
    ):
        gone = Endpoint((_signer(4).key,), "https://localhost:1/", one.authority)
        known = [Witness(it.name.encode(), it.keys[0]) for it in (late, one, two, gone)]
        policy = quorum_of([Log(LOG.signer.key)], known, 2)
        witnesses = Witnesses([late, one, two, gone])
        began = time.monotonic()
        cosigned = await witnesses.cosign(LOG.note(9), prove, enough=policy.satisfied)
        assert time.monotonic() - began < 3
        policy.check(cosigned.on(LOG.note(9)))
        told = {it.witness: it.fault for it in cosigned.failures}
        assert told == {late: Fault.LATE, gone: Fault.OFFLINE}
        again = await witnesses.cosign(LOG.note(9), prove, enough=policy.satisfied)
        assert "question before" in {it.witness: it.message for it in again.failures}[late]
        short = await Witnesses([late]).cosign(LOG.note(9), prove, seconds=0.2)
        assert [it.fault for it in short.failures] == [Fault.OFFLINE]
        assert "did not answer in time" in short.failures[0].message
        free.set()
        witnesses.close()
        await asyncio.sleep(0)


async def test_a_witness_with_another_certificate_is_not_asked(certificate: Path) -> None:
    asked: list[bytes] = []

    def reply(body: bytes) -> tuple[int, str]:
        asked.append(body)
        return _cosign()(body)

    with _stand_in(certificate, reply) as pinned:
        stranger = Endpoint(pinned.keys, pinned.url)
        cosigned = await _ask(Witnesses([stranger]), 9)
    assert [it.fault for it in cosigned.failures] == [Fault.OFFLINE]
    assert asked == []


async def test_who_cannot_be_reached_is_told_with_the_reason_and_what_to_see_to(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "SECONDS_MAX", 1.0)
    identity.create(tmp_path, "localhost", Micros(time.time_ns() // 1000))
    other = (tmp_path / "tls" / "certificate.pem").read_text()
    key, mute = _signer().key, socket.create_server(("127.0.0.1", 0))
    with _stand_in(certificate, _cosign()) as true, mute:
        _, port = mute.getsockname()
        ways = {
            Endpoint((key,), true.url, other): ("not the pinned one", "which certificate"),
            Endpoint((key,), true.url.replace("localhost", "127.0.0.1"), true.authority): (
                "not the pinned one, or does not hold: IP address mismatch",
            ),
            Endpoint((key,), "https://localhost:1/", true.authority): ("refused", "runs"),
            Endpoint((key,), "https://witness.invalid/"): ("no address", "resolver"),
            Endpoint((key,), f"https://localhost:{port}/", true.authority): ("time", "firewalls"),
        }
        cosigned = await _ask(Witnesses(ways), 9)
    assert [it.fault for it in cosigned.failures] == [Fault.OFFLINE] * len(ways)
    for failure in cosigned.failures:
        assert all(word in failure.message for word in ways[failure.witness]), failure


def test_a_witness_whose_name_a_person_wrote_is_removed_and_no_file_elsewhere(
    tmp_path: Path,
) -> None:
    (tmp_path / "other.pem").write_text("kept")
    odd, log = Witness(b"../other", _signer().key, "https://w.example/"), Log(LOG.signer.key)
    before = demand_of(quorum_of([log], [odd], 1))
    write(tmp_path, before.without("../other"), {"../other": ""})
    assert (tmp_path / "other.pem").read_text() == "kept"
    assert read_policy(tmp_path) == quorum_of([log], [], 0)
