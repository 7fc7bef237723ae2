"""The catalogue of attacks on outside ID tokens: each ends in a refusal, none in a principal."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from rempart.core.jwks import BadKeySet, parse
from rempart.trust.identity.federation import id_token
from rempart.trust.identity.federation.refusal import Refused
from support.tokens import b64
from support.worlds import NOW

ISSUER, AUDIENCE = "https://idp.example.test", "workload"
KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "PS384": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
STRANGER = rsa.generate_private_key(65537, 2048)


def _jwk(name: str) -> dict[str, Any]:
    algorithm = jwt.get_algorithm_by_name(name)
    made = algorithm.to_jwk(KEYS[name].public_key(), as_dict=True)
    return {**made, "kid": name, "alg": name}


SET = parse(json.dumps({"keys": [_jwk(name) for name in KEYS]}))


def claims(**changes: Any) -> dict[str, Any]:
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "s", "iat": NOW, "exp": NOW + 600} | changes
    return {name: value for name, value in said.items() if value is not None}


def sign(
    header: dict[str, Any] | None = None, /, key: str = "RS256", by: Any = None, **changes: Any
) -> str:
    said = {"typ": "JWT", "alg": key, "kid": key} | (header or {})
    said = {name: value for name, value in said.items() if value is not None}
    return raw(json.dumps(said), json.dumps(claims(**changes)), key, by)


def raw(header: str, payload: str, key: str = "RS256", by: Any = None) -> str:
    signed = f"{b64(header.encode())}.{b64(payload.encode())}"
    signature = jwt.get_algorithm_by_name(key).sign(signed.encode(), by or KEYS[key])
    return f"{signed}.{b64(signature)}"


def judge(token: str, audience: str = AUDIENCE) -> Any:
    read = id_token.read(token)
    id_token.check_issuer(read, ISSUER)
    return id_token.verify(read, SET, frozenset((audience,)), NOW)


def refuses(token: str) -> bool:
    with pytest.raises(Refused):
        judge(token)
    return True


@pytest.mark.parametrize("name", KEYS)
def test_each_kind_of_key_signs(name: str) -> None:
    assert judge(sign(key=name))["sub"] == "s"
    assert refuses(sign(key=name)[:-6] + "AAAAAA")


@pytest.mark.parametrize("thumbprint", ["x5t", "x5t#S256"])
def test_a_thumbprint_in_the_header_is_let_pass_unread(thumbprint: str) -> None:
    assert judge(sign({thumbprint: "whatever"}))


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "", "RS384", "PS256", "HS256"])
def test_the_algorithm_is_the_keys(alg: str) -> None:
    assert refuses(sign({"alg": alg}))
    header = json.dumps({"alg": alg, "kid": "RS256"}).encode()
    assert refuses(f"{b64(header)}.{b64(json.dumps(claims()).encode())}.")


def test_a_key_for_another_algorithm_is_not_taken() -> None:
    assert refuses(sign({"kid": "ES256"}))
    assert refuses(sign({"alg": "RS256", "kid": "PS384"}, by=KEYS["PS384"]))


def test_hs256_with_the_public_key_as_its_secret() -> None:
    pem = KEYS["RS256"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = json.dumps({"alg": "HS256", "kid": "RS256"}).encode()
    signed = f"{b64(header)}.{b64(json.dumps(claims()).encode())}"
    assert refuses(f"{signed}.{b64(hmac.digest(pem, signed.encode(), hashlib.sha256))}")


@pytest.mark.parametrize("size", [64, 96])
def test_psychic_signatures(size: int) -> None:
    name = "ES256" if size == 64 else "ES384"
    signed = sign(key=name).rpartition(".")[0]
    assert refuses(f"{signed}.{b64(bytes(size))}")


@pytest.mark.parametrize(
    "member",
    [
        {"jwk": {"kty": "oct", "k": "AA"}},
        {"jku": "https://evil.example.test/keys"},
        {"x5u": "https://evil.example.test/cert"},
        {"x5c": ["AA"]},
        {"crit": ["exp"]},
        {"zip": "DEF"},
        {"p2c": 1 << 30},
        {"enc": "A256GCM"},
        {"b64": False},
        {"cty": "JWT"},
        {"typ": "at+jwt"},
        {"typ": "logout+jwt"},
        {"typ": 1},
        {"kid": None},
        {"kid": ""},
        {"kid": 1},
        {"kid": "../../etc/passwd"},
        {"kid": "' OR 1=1"},
        {"kid": "https://evil.example.test"},
        {"kid": "x" * 300},
        {"kid": "unknown"},
        {"alg": None},
    ],
)
def test_headers_that_lead_astray(member: dict[str, Any]) -> None:
    assert refuses(sign(member))


def test_a_stranger_who_names_the_issuers_key() -> None:
    assert refuses(sign(by=STRANGER))


@pytest.mark.parametrize(
    "issuer",
    [
        f"{ISSUER}/",
        ISSUER.upper(),
        "http://idp.example.test",
        "",
        None,
        [ISSUER],
        f"{ISSUER} ",
        "https://idp.example.test.evil.test",
    ],
)
def test_another_issuer(issuer: Any) -> None:
    assert refuses(sign(iss=issuer))


@pytest.mark.parametrize(
    "audience",
    [
        *(None, "", "Workload", "workload ", "other", 7, {"a": AUDIENCE}),
        *([], ["other"], [AUDIENCE, 1], [AUDIENCE] * 11),
    ],
)
def test_another_audience(audience: Any) -> None:
    assert refuses(sign(aud=audience))


def test_an_audience_among_several_is_taken() -> None:
    assert judge(sign(aud=["other", AUDIENCE]))


@pytest.mark.parametrize(
    "times",
    [
        {"exp": None},
        {"iat": None},
        {"exp": str(NOW + 600)},
        {"exp": float(NOW + 600)},
        {"exp": 1e308},
        {"exp": True},
        {"exp": -1},
        {"exp": NOW - 60},
        {"iat": NOW + 61, "exp": NOW + 600},
        {"nbf": NOW + 61},
        {"nbf": str(NOW)},
        {"iat": str(NOW)},
        {"exp": NOW + 24 * 3600 + 1},
        {"iat": NOW, "exp": NOW},
        {"iat": NOW - 48 * 3600, "exp": NOW + 60},
        {"exp": 1 << 60},
    ],
)
def test_times_that_are_wrong_or_none(times: dict[str, Any]) -> None:
    assert refuses(sign(**times))


def test_clocks_may_differ_by_a_minute() -> None:
    assert judge(sign(iat=NOW + 60))
    assert judge(sign(exp=NOW - 59, iat=NOW - 600))
    assert judge(sign(nbf=NOW + 60))


@pytest.mark.parametrize("subject", [None, "", 1, ["s"], {"s": 1}])
def test_without_a_subject_there_is_nobody(subject: Any) -> None:
    assert refuses(sign(sub=subject))


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token + "=",
        lambda token: token + " ",
        lambda token: " " + token,
        lambda token: token.replace(".", "..", 1),
        lambda token: token + ".AA",
        lambda token: token.rpartition(".")[0],
        lambda token: token[:10] + "\n" + token[10:],
        lambda token: token[: token.index(".")] + "=" + token[token.index(".") :],
        lambda token: "",
        lambda token: "a.b.c",
        lambda token: token.replace("-", "+").replace("_", "/") + "+",
        lambda token: token + "A" * 20_000,
    ],
)
def test_forms_that_common_parsers_let_pass(change: Callable[[str], str]) -> None:
    assert refuses(change(sign()))


def test_stray_bits_at_the_end() -> None:
    token = sign(key="ES384")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    header = token.partition(".")[0]
    stem, final = header[:-1], header[-1]
    if len(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4))) % 3:
        other = last[last.index(final) ^ 1]
        assert refuses(token.replace(header, stem + other, 1))


def test_members_that_occur_twice() -> None:
    header = '{"alg":"none","alg":"RS256","kid":"RS256"}'
    assert refuses(raw(header, json.dumps(claims())))
    header = '{"alg":"RS256","kid":"RS256"}'
    doubled = json.dumps(claims())[:-1] + ',"sub":"admin"}'
    assert refuses(raw(header, doubled))


@pytest.mark.parametrize("payload", ["[]", '"x"', "1", "null", "", "{", "[" * 5000, "NaN"])
def test_payloads_that_are_no_object(payload: str) -> None:
    assert refuses(raw('{"alg":"RS256","kid":"RS256"}', payload))


@settings(max_examples=150)
@given(st.integers(0, 10_000), st.integers(0, 61))
def test_no_changed_letter_is_overlooked(place: int, letter: int) -> None:
    token = sign()
    place %= len(token)
    new = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"[letter]
    changed = token[:place] + new + token[place + 1 :]
    if changed != token:
        assert refuses(changed)


@pytest.mark.parametrize(
    "keys",
    [
        [{"kty": "oct", "k": "c2VjcmV0", "kid": "k", "alg": "HS256"}],
        [{**_jwk("RS256"), "alg": "HS256"}],
        [{**_jwk("RS256"), "alg": "none"}],
        [{**_jwk("RS256"), "use": "enc"}],
        [{**_jwk("RS256"), "d": "AQAB"}],
        [{**_jwk("ES256"), "crv": "P-521"}],
        [_jwk("RS256"), {**_jwk("ES256"), "kid": "RS256"}],
        [{**_jwk("RS256"), "kid": 1}],
        [[]],
        [],
    ],
)
def test_key_sets_that_vouch_for_nobody(keys: list[Any]) -> None:
    with pytest.raises(BadKeySet):
        parse(json.dumps({"keys": keys}))
