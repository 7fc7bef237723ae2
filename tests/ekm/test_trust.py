"""Whose callers are listened to: issuers come and go at once; their keys are given or fetched."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from typing_extensions import override

from rempart import outbound
from rempart.core import jwks, key_set
from rempart.ekm.access.callers import Callers, parse
from rempart.ekm.access.token import Rejected
from rempart.ekm.model.holdings import Issuer as Trusted
from support.key_holder import DOMAIN, ISSUER, Issuer, KeyHolder, agent, running, use

AUDIENCE = "https://ekm.test"


class Publisher:
    """Serves an issuer's JWK set; what it serves can be changed, and it counts."""

    def __init__(self) -> None:
        self.text, self.status, self.asked = "", 200, 0
        self.pause = 0.0
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.asked += 1
                self.send_response(publisher.status)
                self.send_header("location", "/elsewhere")
                self.end_headers()
                if not publisher.pause:
                    self.wfile.write(publisher.text.encode())
                    return
                with contextlib.suppress(OSError):
                    for byte in publisher.text.encode():
                        time.sleep(publisher.pause)
                        self.wfile.write(bytes([byte]))

            @override
            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    made = Publisher()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def _callers(publisher: Publisher) -> Callers:
    trusted = Trusted(issuer=ISSUER, mail_domains=(DOMAIN,), keys_url=publisher.url)
    return Callers((trusted,), frozenset({AUDIENCE}))


async def _accepts(callers: Callers, issuer: Issuer, now: int) -> bool:
    token = issuer.token(AUDIENCE, iat=now, exp=now + 600)
    try:
        caller = await callers.identify([f"Bearer {token}"], now)
    except Rejected:
        return False
    return caller.email == agent()


async def test_keys_are_fetched_once_and_then_remembered(publisher: Publisher) -> None:
    issuer = Issuer()
    publisher.text = issuer.jwks()
    callers = _callers(publisher)
    assert all([await _accepts(callers, issuer, 1000 + second) for second in range(20)])
    assert publisher.asked == 1


async def test_who_asks_while_the_first_fetch_is_under_way_is_not_refused(
    publisher: Publisher,
) -> None:
    issuer = Issuer()
    publisher.text = issuer.jwks()
    callers = _callers(publisher)
    assert all(await asyncio.gather(*(_accepts(callers, issuer, 1000) for _ in range(20))))
    assert publisher.asked == 1


async def test_an_issuer_that_answers_byte_by_byte_is_given_up_in_time(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "SECONDS_MAX", 0.5)
    publisher.text, publisher.pause = Issuer().jwks(), 0.1
    began = time.monotonic()
    with pytest.raises(outbound.Unfetched):
        await asyncio.to_thread(outbound.fetch, publisher.url, "", bytes_max=4096)
    assert time.monotonic() - began < 2


async def test_a_rotated_key_is_fetched_at_once_but_not_at_every_strangers_word(
    publisher: Publisher,
) -> None:
    old, new, stranger = Issuer(), Issuer(key_id="k2"), Issuer(key_id="k3")
    publisher.text = old.jwks()
    callers = _callers(publisher)
    assert await _accepts(callers, old, 1000)
    publisher.text = new.jwks()
    assert await _accepts(callers, new, 1000 + key_set.RETRY_SECONDS)
    assert not await _accepts(callers, old, 1000 + 2 * key_set.RETRY_SECONDS)
    asked = publisher.asked
    for second in range(5):
        assert not await _accepts(callers, stranger, 1062 + second)
    assert publisher.asked == asked


async def test_an_issuer_that_is_down_is_believed_for_a_day(publisher: Publisher) -> None:
    issuer = Issuer()
    publisher.text = issuer.jwks()
    callers = _callers(publisher)
    assert await _accepts(callers, issuer, 1000)
    publisher.status = 500
    assert await _accepts(callers, issuer, 1000 + key_set.STALE_SECONDS_MAX)
    assert not await _accepts(callers, issuer, 1031 + key_set.STALE_SECONDS_MAX)
    publisher.status = 200
    assert await _accepts(callers, issuer, 1100 + key_set.STALE_SECONDS_MAX)


@pytest.mark.parametrize("status", [301, 302, 404])
async def test_a_redirect_is_not_followed(publisher: Publisher, status: int) -> None:
    issuer = Issuer()
    publisher.text, publisher.status = issuer.jwks(), status
    assert not await _accepts(_callers(publisher), issuer, 1000)
    assert publisher.asked == 1


@pytest.mark.parametrize("text", ["", "[]", '{"keys":[]}', " " * (jwks.SET_BYTES_MAX + 1)])
async def test_what_is_no_key_set_vouches_for_nobody(publisher: Publisher, text: str) -> None:
    publisher.text = text
    assert not await _accepts(_callers(publisher), Issuer(), 1000)


def _jwk(key: object, **members: str) -> dict[str, object]:
    algorithms = jwt.algorithms
    if isinstance(key, rsa.RSAPublicKey):
        made = algorithms.RSAAlgorithm.to_jwk(key, as_dict=True)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        made = algorithms.ECAlgorithm.to_jwk(key, as_dict=True)
    else:
        assert isinstance(key, ed25519.Ed25519PublicKey)
        made = algorithms.OKPAlgorithm.to_jwk(key, as_dict=True)
    return {**made, "kid": "k", **members}


def _set(*keys: dict[str, object]) -> str:
    return json.dumps({"keys": list(keys)})


RSA_2048 = rsa.generate_private_key(65537, 2048).public_key()
P_256 = ec.generate_private_key(ec.SECP256R1()).public_key()


def test_each_kind_of_key_has_its_one_algorithm() -> None:
    edwards = ed25519.Ed25519PrivateKey.generate().public_key()
    keys = parse(_set(_jwk(RSA_2048), _jwk(P_256, kid="e"), _jwk(edwards, kid="o", alg="EdDSA")))
    assert {name: key.algorithm for name, key in keys.items()} == {
        "k": "RS256", "e": "ES256", "o": "EdDSA",
    }  # fmt: skip


def test_keys_for_other_uses_are_passed_over() -> None:
    others: list[dict[str, object]] = [
        _jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), kid="long"),
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43, "kid": "exchange"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"},
        {"kty": "AKP", "alg": "ML-DSA-65", "pub": "AA", "kid": "later"},
        _jwk(RSA_2048, kid="encrypts", use="enc"),
    ]
    assert list(parse(_set(*others, _jwk(RSA_2048)))) == ["k"]


@pytest.mark.parametrize(
    "keys",
    [
        [_jwk(RSA_2048, alg="HS256")],
        [_jwk(RSA_2048, alg="PS256")],
        [_jwk(RSA_2048, use="enc")],
        [_jwk(rsa.generate_private_key(65537, 1024).public_key())],
        [_jwk(ec.generate_private_key(ec.SECP384R1()).public_key())],
        [{"kty": "oct", "k": "c2VjcmV0", "kid": "k"}],
        [_jwk(RSA_2048), _jwk(P_256)],
        [{**_jwk(RSA_2048), "d": "AQAB"}],
        [{key: value for key, value in _jwk(RSA_2048).items() if key != "kid"}],
    ],
    ids=[
        "HMAC", "PSS", "for encryption", "short RSA", "P-384", "secret", "one id twice", "private",
        "no id",
    ],
)  # fmt: skip
def test_a_set_without_a_usable_key_is_refused(keys: list[dict[str, object]]) -> None:
    with pytest.raises(jwks.BadKeySet):
        parse(_set(*keys))


def test_issuers_come_and_go_while_the_manager_runs(tmp_path: Path, publisher: Publisher) -> None:
    second = Issuer(name="https://accounts.second.test")
    publisher.text = second.jwks()
    with running(tmp_path / "data") as holder:
        token = second.token(holder.audience)
        assert holder.ask("wrap", use(), token=token).status_code == 401
        words = (second.name, "--mail-domain", DOMAIN, "--keys-url", publisher.url)
        holder.run("trust", "add", *words)
        assert holder.ask("wrap", use(), token=token).status_code == 200
        assert "trusted already" in holder.run("trust", "add", *words, fails=True)
        assert second.name in holder.run("trust", "list")
        holder.run("trust", "remove", second.name)
        assert holder.ask("wrap", use(), token=token).status_code == 401
        holder.stop()
        holder.start()
        assert holder.ask("wrap", use()).status_code == 200


def test_one_issuer_cannot_sign_for_another(tmp_path: Path) -> None:
    second = Issuer(name="https://accounts.second.test", key_id="k9")
    keys = tmp_path / "second.jwks"
    keys.write_text(second.jwks())
    with running(tmp_path / "data") as holder:
        domain = "gcp-sa-ekms.second.test"
        holder.run(
            "trust", "add", second.name, "--mail-domain", domain, "--keys-file", str(keys),
            "--audience", "https://second-door.test",
        )  # fmt: skip
        own = {"email": f"service-123456789@{domain}"}
        assert _status(holder, second.token("https://second-door.test", **own)) == 200
        for forged in (
            second.token("https://second-door.test", iss=ISSUER, **own),
            second.token("https://second-door.test"),
            second.token(holder.audience, **own),
            holder.issuer.token(holder.audience, **own),
        ):
            assert _status(holder, forged) == 401


def _status(holder: KeyHolder, token: str) -> int:
    return holder.ask("wrap", use(), token=token).status_code


@pytest.mark.parametrize(
    "words",
    [
        ("http://accounts.test", "--mail-domain", "d"),
        ("https://accounts.test", "--mail-domain", "d"),
        ("https://accounts.test", "--mail-domain", "d", "--keys-url", "http://keys.test"),
        ("https://accounts.test", "--mail-domain", "d", "--keys-url", "file:///etc/passwd"),
        ("https://accounts.test", "--mail-domain", "a@d", "--keys-url", "https://keys.test"),
    ],
)
def test_an_issuer_that_cannot_be_trusted_is_refused(
    holder: KeyHolder, words: tuple[str, ...]
) -> None:
    holder.run("trust", "add", *words, fails=True)
