"""Attacks on callers' tokens, over TLS: each is refused in the same words, and on record."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from support.key_holder import DOMAIN, ISSUER, Issuer, KeyHolder, agent, b64, use

Attack = Callable[[KeyHolder], str]
BODY = use(plaintext=b64(b"secret"))


def _part(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _raw(holder: KeyHolder, header: object, claims: object) -> str:
    """Sign whatever header and claims there are, as the issuer's own key would."""
    signed = f"{_part(header)}.{_part(claims)}"
    return f"{signed}.{_part(_rs256(holder, signed.encode()))}"


def _rs256(holder: KeyHolder, content: bytes) -> bytes:
    return jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(
        content, holder.issuer.key
    )


def _claims(holder: KeyHolder, **changed: Any) -> dict[str, Any]:
    return holder.issuer.claims(holder.audience, **changed)


def _without_signature(alg: str) -> Attack:
    return lambda holder: (
        f"{_part({'alg': alg, 'kid': 'k1', 'typ': 'JWT'})}.{_part(_claims(holder))}."
    )


def _hmac_with_the_public_key(holder: KeyHolder) -> str:
    public = holder.issuer.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signed = f"{_part({'alg': 'HS256', 'kid': 'k1', 'typ': 'JWT'})}.{_part(_claims(holder))}"
    return f"{signed}.{_part(hmac.new(public, signed.encode(), hashlib.sha256).digest())}"


def _another_key_under_the_same_id(holder: KeyHolder) -> str:
    return Issuer().token(holder.audience)


def _embedded_key(holder: KeyHolder) -> str:
    own = rsa.generate_private_key(65537, 2048)
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(own.public_key(), as_dict=True)
    headers = {"kid": "k1", "jwk": jwk}
    return jwt.encode(_claims(holder), own, algorithm="RS256", headers=headers)


def _es256_with_zero_signature(holder: KeyHolder) -> str:
    return f"{_part({'alg': 'ES256', 'kid': 'k1'})}.{_part(_claims(holder))}.{_part(bytes(64))}"


def _es256(holder: KeyHolder) -> str:
    own = ec.generate_private_key(ec.SECP256R1())
    return jwt.encode(_claims(holder), own, algorithm="ES256", headers={"kid": "k1"})


def _header(**members: Any) -> Attack:
    return lambda holder: _raw(
        holder, {"alg": "RS256", "kid": "k1", "typ": "JWT", **members}, _claims(holder)
    )


def _claim(**changed: Any) -> Attack:
    return lambda holder: holder.issuer.token(holder.audience, **changed)


def _at(**seconds: int) -> Attack:
    """Return a token with these times, in seconds from now."""
    return lambda holder: holder.issuer.token(
        holder.audience, **{name: int(time.time()) + each for name, each in seconds.items()}
    )


def _json(header: bytes | None = None, claims: Callable[[bytes], bytes] | None = None) -> Attack:
    def attack(holder: KeyHolder) -> str:
        told = json.dumps(_claims(holder)).encode()
        return _raw(
            holder,
            header or {"alg": "RS256", "kid": "k1"},
            told if claims is None else claims(told),
        )

    return attack


def _bent(bend: Callable[[str], str]) -> Attack:
    return lambda holder: bend(holder.issuer.token(holder.audience))


ATTACKS: dict[str, tuple[Attack, str]] = {
    "alg none": (_without_signature("none"), "three base64url segments"),
    "alg nOnE": (_without_signature("nOnE"), "three base64url segments"),
    "alg none, some signature": (
        lambda holder: _without_signature("none")(holder) + "AA", "another algorithm",
    ),
    "HS256 with the public key": (_hmac_with_the_public_key, "another algorithm"),
    "another key under the same id": (_another_key_under_the_same_id, "signature"),
    "a key of its own in the header": (_embedded_key, "beyond typ, alg and kid"),
    "ES256 with r and s zero": (_es256_with_zero_signature, "another algorithm"),
    "ES256 by a key of its own": (_es256, "another algorithm"),
    "jku": (_header(jku="https://evil.test/keys"), "beyond typ, alg and kid"),
    "x5u": (_header(x5u="https://evil.test/keys"), "beyond typ, alg and kid"),
    "crit": (_header(crit=["exp"]), "beyond typ, alg and kid"),
    "zip": (_header(zip="DEF"), "beyond typ, alg and kid"),
    "typ of an access token": (_header(typ="at+jwt"), "another type"),
    "no kid": (_header(kid=None), "no usable key"),
    "empty kid": (_header(kid=""), "no usable key"),
    "kid that is a number": (_header(kid=1), "no usable key"),
    "kid that climbs": (_header(kid="../../../dev/null"), "no usable key"),
    "kid that is an address": (_header(kid="https://evil.test/k1"), "no usable key"),
    "kid that is SQL": (_header(kid="k1' OR '1'='1"), "no usable key"),
    "huge kid": (_header(kid="k" * 129), "no usable key"),
    "unknown kid": (_header(kid="k2"), "no such key"),
    "two alg": (_json(header=b'{"alg":"RS256","alg":"none","kid":"k1"}'), "occurs twice"),
    "two sub": (
        _json(claims=lambda told: told[:-1] + b',"sub":"x"}'), "occurs twice",
    ),
    "claims that are a list": (_json(claims=lambda _: b"[]"), "not a JSON object"),
    "claims that are deep": (
        _json(claims=lambda _: b"[" * 2000 + b"]" * 2000), "not JSON",
    ),
    "another audience": (_claim(aud="https://other.test"), "another audience"),
    "the audience with a path": (
        lambda holder: holder.issuer.token(holder.audience + "/"), "another audience",
    ),
    "the audience without the port": (_claim(aud="https://localhost"), "another audience"),
    "no audience": (_claim(aud=None), "another audience"),
    "a list of audiences": (
        lambda holder: holder.issuer.token(holder.audience, aud=[holder.audience]), "not a text",
    ),
    "another issuer": (_claim(iss="https://accounts.evil.test"), "not trusted"),
    "the issuer with a slash": (_claim(iss=ISSUER + "/"), "not trusted"),
    "the issuer in capitals": (_claim(iss=ISSUER.upper()), "not trusted"),
    "no issuer": (_claim(iss=None), "not trusted"),
    "expired": (_at(iat=-7200, exp=-3700), "expired"),
    "expired just past the skew": (_at(iat=-600, exp=-61), "expired"),
    "no exp": (_claim(exp=None), "exp is not a time"),
    "exp as a text": (_claim(exp=str(int(time.time()) + 60)), "exp is not a time"),
    "exp as a fraction": (_claim(exp=time.time() + 60.5), "exp is not a time"),
    "exp of 1e308": (
        _json(claims=lambda told: told.replace(b'"exp": ', b'"exp": 1e308, "x": ')),
        "exp is not a time",
    ),
    "exp that is true": (_claim(exp=True), "exp is not a time"),
    "far future": (_at(iat=86_400, exp=90_000), "issued in the future"),
    "not valid yet": (_at(nbf=600), "not valid yet"),
    "no iat": (_claim(iat=None), "iat is not a time"),
    "life of a day": (_at(exp=86_400), "more than an hour"),
    "ends before it begins": (_at(iat=30, exp=20), "more than an hour"),
    "email not verified": (_claim(email_verified=False), "not verified"),
    "email_verified as a text": (_claim(email_verified="true"), "not verified"),
    "email_verified absent": (_claim(email_verified=None), "not verified"),
    "no email": (_claim(email=None), "no service agent"),
    "a person's email": (_claim(email=f"eve@{DOMAIN}"), "no service agent"),
    "an agent of another domain": (
        _claim(email="service-1@gcp-sa-ekms.evil.test"), "no service agent",
    ),
    "an agent of a domain below": (
        _claim(email=f"service-1@evil.{DOMAIN}"), "no service agent",
    ),
    "an agent without a number": (_claim(email=f"service-x@{DOMAIN}"), "no service agent"),
    "an agent with a newline": (_claim(email=f"{agent()}\n"), "no service agent"),
    "no subject": (_claim(sub=None), "no subject"),
    "padded": (_bent(lambda it: it + "="), "three base64url segments"),
    "with a space in it": (_bent(lambda it: it.replace(".", " .", 1)), "three base64url segments"),
    "stray bits": (_bent(lambda it: it[:-1] + chr(ord(it[-1]) + 1)), "token"),
    "four segments": (_bent(lambda it: f"{it}.AA"), "three base64url segments"),
    "truncated signature": (_bent(lambda it: it[:-2]), "signature"),
    "no signature": (_bent(lambda it: it.rpartition(".")[0] + "."), "three base64url segments"),
    "too long": (_bent(lambda it: it + "A" * 8192), "longer than 8 KiB"),
    "a word": (lambda _: "word", "three base64url segments"),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_a_forged_token_is_refused_without_saying_why(holder: KeyHolder, name: str) -> None:
    attack, _ = ATTACKS[name]
    answer = holder.ask("wrap", BODY, token=attack(holder))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["message"] == "The request has no acceptable credential."
    assert answer.json()["error"]["status"] == "UNAUTHENTICATED"


def test_the_log_says_why_and_names_nobody(holder: KeyHolder) -> None:
    before = len(holder.entries())
    for attack, _ in ATTACKS.values():
        holder.ask("wrap", BODY, token=attack(holder))
    entries = holder.entries()[before:]
    assert len(entries) == len(ATTACKS)
    for entry, (name, (_, cause)) in zip(entries, ATTACKS.items(), strict=True):
        assert cause in entry["cause"], name
        assert entry["status"] == 401
        assert not {"caller", "issuer", "project"} & entry.keys()


def test_a_good_token_is_good(holder: KeyHolder) -> None:
    assert holder.ask("wrap", BODY).status_code == 200
    skewed = _at(iat=50, exp=100)(holder)
    assert holder.ask("wrap", BODY, token=skewed).status_code == 200


def test_no_credential_and_two_credentials_are_refused(holder: KeyHolder) -> None:
    good = f"Bearer {holder.issuer.token(holder.audience)}"
    for headers in (
        [],
        [("authorization", good), ("authorization", good)],
        [("authorization", good.replace("Bearer", "Basic"))],
        [("authorization", good.replace(" ", "\t"))],
    ):
        with holder.client() as client:
            answer = client.post(
                "/v0/cryptospaces/blue/keys/first:wrap", json=BODY, headers=headers
            )
        assert answer.status_code == 401
