"""The catalogue of attacks on bearer tokens, each a row that must end in the same 401."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import hmac
import json
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jwt.algorithms import RSAAlgorithm

from rempart.core.clock import Micros
from rempart.core.errors import CloudError, Code
from rempart.core.principal import ANONYMOUS, Principal
from rempart.trust.custody.transaction import Transaction
from rempart.trust.identity.accounts import ACCOUNTS, KEYS
from rempart.trust.identity.identify import Identity
from support.tokens import CLOUD, SCOPE, Signer, b64
from support.worlds import DOMAIN, NOW, TestUniverse, call


class Bench:
    """A universe with a victim and a stranger in another project, and its door."""

    def __init__(self) -> None:
        self.universe = TestUniverse()
        self.owner = Signer.of(*asyncio.run(self.universe.account("victim")))
        self.stranger = Signer.of(*asyncio.run(self.universe.account("stranger", "lab:other")))
        self.identity = self.new_identity()

    def new_identity(self) -> Identity:
        return Identity(
            self.universe.sealed, domain=DOMAIN, token_key=b"t" * 32, world=self.universe.world
        )

    def identify(self, authorization: str | None, service: str = "storage") -> Principal:
        return asyncio.run(self.identity.identify(call(authorization), service))

    def refuses(self, token: str, service: str = "storage") -> bool:
        return self.refuses_header(f"Bearer {token}", service)

    def refuses_header(self, authorization: str, service: str = "storage") -> bool:
        with pytest.raises(CloudError) as caught:
            self.identify(authorization, service)
        error = caught.value
        return (error.code, error.message, error.reason) == (
            Code.UNAUTHENTICATED,
            "Invalid Credentials",
            "authError",
        )


@pytest.fixture(scope="module")
def module_bench() -> Bench:
    return Bench()


@pytest.fixture
def bench(module_bench: Bench) -> Iterator[Bench]:
    """A fresh door over documents as they were."""
    kept = dict(module_bench.universe.engine.records.records)
    module_bench.universe.clock.now = Micros(NOW * 1_000_000)
    module_bench.universe.sealed = module_bench.universe.reopened()
    module_bench.identity = module_bench.new_identity()
    yield module_bench
    module_bench.universe.engine.records.records = kept


def test_the_unchanged_token_is_accepted_so_that_a_refusal_below_means_something(
    bench: Bench,
) -> None:
    principal = bench.identify(f"Bearer {bench.owner.token()}")
    assert principal.email == "victim@demo.lab.iam.gserviceaccount.com"
    assert principal.member == f"serviceAccount:{principal.email}"
    assert principal.scopes == frozenset((CLOUD,))
    assert bench.refuses(bench.owner.token() + "A")


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", ""])
@pytest.mark.parametrize("signature", ["", "AA"])
def test_alg_none_in_any_spelling(bench: Bench, alg: str, signature: str) -> None:
    header = json.dumps(bench.owner.header(alg=alg)).encode()
    payload = json.dumps(bench.owner.claims()).encode()
    assert bench.refuses(f"{b64(header)}.{b64(payload)}.{signature}")


@pytest.mark.parametrize("form", ["pem", "der"])
def test_hs256_with_the_public_key_as_its_secret(bench: Bench, form: str) -> None:
    der = bench.owner.issued.key.public_key
    key = load_der_public_key(der)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = json.dumps(bench.owner.header(alg="HS256")).encode()
    signed = f"{b64(header)}.{b64(json.dumps(bench.owner.claims()).encode())}"
    secret = pem if form == "pem" else der
    tag = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    assert bench.refuses(f"{signed}.{b64(tag)}")


def test_es256_with_the_psychic_signature(bench: Bench) -> None:
    header = json.dumps(bench.owner.header(alg="ES256")).encode()
    payload = json.dumps(bench.owner.claims()).encode()
    assert bench.refuses(f"{b64(header)}.{b64(payload)}.{b64(bytes(64))}")


def test_es256_signed_by_a_key_of_the_attackers(bench: Bench) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    header = json.dumps(bench.owner.header(alg="ES256")).encode()
    signed = f"{b64(header)}.{b64(json.dumps(bench.owner.claims()).encode())}"
    assert bench.refuses(f"{signed}.{b64(key.sign(signed.encode(), ec.ECDSA(SHA256())))}")


@pytest.mark.parametrize(
    "alg", ["RS384", "RS512", "PS256", "rs256", "RS256 ", None, 256, ["RS256"]]
)
def test_another_algorithm_than_the_registered_keys(bench: Bench, alg: object) -> None:
    assert bench.refuses(bench.owner.token(bench.owner.header(alg=alg)))


def test_an_embedded_jwk(bench: Bench) -> None:
    own = json.loads(RSAAlgorithm.to_jwk(bench.stranger.private.public_key()))
    header = bench.stranger.header(kid=bench.owner.issued.key.id, jwk=own)
    forged = bench.stranger.sign(
        json.dumps(header).encode(), json.dumps(bench.owner.claims()).encode()
    )
    assert bench.refuses(forged)


@pytest.mark.parametrize(
    "member",
    [
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["MIIB"]},
        {"x5t": "AAAA"},
        {"zip": "DEF"},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": False},
        {"crit": []},
        {"p2c": 2_000_000_000},
        {"p2s": "AAAA"},
        {"cty": "JWT"},
        {"epk": {}},
    ],
    ids=",".join,
)
def test_header_members_that_steer_a_verifier(bench: Bench, member: dict[str, object]) -> None:
    assert bench.refuses(bench.owner.token(bench.owner.header(**member)))


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null",
        "' OR 1=1 --",
        "https://evil.example/key",
        "",
        "k" * 65,
        "k" * 100_000,
        "0" * 40,
        "a\x00b",
        None,
        7,
        ["a"],
        "é",
    ],
)
def test_a_kid_that_is_a_path_sql_a_url_empty_huge_or_unknown(bench: Bench, kid: object) -> None:
    assert bench.refuses(bench.owner.token(bench.owner.header(kid=kid)))


def test_two_alg_members(bench: Bench) -> None:
    kid = bench.owner.issued.key.id
    header = f'{{"typ":"JWT","alg":"none","alg":"RS256","kid":"{kid}"}}'
    assert bench.refuses(
        bench.owner.sign(header.encode(), json.dumps(bench.owner.claims()).encode())
    )


@pytest.mark.parametrize("name", ["iss", "sub", "exp", "scope"])
def test_duplicate_claims(bench: Bench, name: str) -> None:
    claims = bench.owner.claims()
    payload = json.dumps(claims)[:-1] + f", {json.dumps(name)}: {json.dumps(claims[name])}}}"
    assert json.loads(payload) == claims
    assert bench.refuses(
        bench.owner.sign(json.dumps(bench.owner.header()).encode(), payload.encode())
    )


@pytest.mark.parametrize(
    "audience",
    [
        "https://evil.example/",
        "https://pubsub.googleapis.com/",
        f"https://pubsub.{DOMAIN}/",
        f"https://oauth2.{DOMAIN}/token",
        "https://oauth2.googleapis.com/token",
        f"https://storage.{DOMAIN}//",
        f"https://storage.{DOMAIN}/x",
        f"http://storage.{DOMAIN}/",
        f"https://STORAGE.{DOMAIN}/",
        f"https://storage.{DOMAIN}.evil.example/",
        "storage",
        f"https://storage.{DOMAIN}/ ",
        ["https://storage.googleapis.com/"],
        [f"https://storage.{DOMAIN}/", "https://evil.example/"],
        {"aud": "x"},
        5,
    ],
)
@pytest.mark.parametrize("scope", [None, CLOUD])
def test_a_wrong_or_array_audience(bench: Bench, audience: object, scope: str | None) -> None:
    assert bench.refuses(bench.owner.token(aud=audience, scope=scope))


@pytest.mark.parametrize("audience", [None, ""])
@pytest.mark.parametrize("scope", [None, "", SCOPE + "userinfo.email", SCOPE + "pubsub"])
def test_no_audience_and_no_scope_for_this_service(
    bench: Bench, audience: str | None, scope: str | None
) -> None:
    assert bench.refuses(bench.owner.token(aud=audience, scope=scope))


@pytest.mark.parametrize("change", ["/", " ", "upper", "stranger", "missing", "number", "array"])
@pytest.mark.parametrize("claim", ["iss", "sub"])
def test_an_issuer_or_subject_that_is_not_exactly_the_keys_owner(
    bench: Bench, claim: str, change: str
) -> None:
    email = bench.owner.account.email
    value = {
        "upper": email.upper(),
        "stranger": bench.stranger.account.email,
        "missing": None,
        "number": 7,
        "array": [email],
    }.get(change, email + change)
    assert bench.refuses(bench.owner.token(**{claim: value}))


@pytest.mark.parametrize(
    "expiry",
    [
        None,
        str(NOW + 60),
        NOW + 60.0,
        1e308,
        True,
        [NOW + 60],
        NOW,
        NOW - 1,
        -1,
        1 << 70,
        NOW + 86400,
    ],
)
def test_an_expiry_that_is_missing_mistyped_past_or_too_far(bench: Bench, expiry: object) -> None:
    assert bench.refuses(bench.owner.token(exp=expiry))


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_an_expiry_beyond_json(bench: Bench, constant: str) -> None:
    payload = json.dumps(bench.owner.claims(exp=0)).replace('"exp": 0', f'"exp": {constant}')
    assert bench.refuses(
        bench.owner.sign(json.dumps(bench.owner.header()).encode(), payload.encode())
    )


@pytest.mark.parametrize(
    "times",
    [
        {"iat": NOW + 61, "exp": NOW + 600},
        {"nbf": NOW + 61},
        {"iat": None},
        {"iat": str(NOW)},
        {"iat": float(NOW)},
        {"iat": False},
        {"nbf": "0"},
        {"nbf": 1.5},
        {"iat": NOW - 3000, "exp": NOW + 661},
        {"iat": NOW + 30, "exp": NOW + 10},
    ],
)
def test_times_that_are_future_mistyped_or_too_far_apart(
    bench: Bench, times: dict[str, object]
) -> None:
    assert bench.refuses(bench.owner.token(**times))


@pytest.mark.parametrize("times", [{"iat": NOW + 60}, {"nbf": NOW + 60}, {"iat": NOW - 60}])
def test_a_minute_of_skew_is_forgiven(bench: Bench, times: dict[str, int]) -> None:
    assert not bench.identify(f"Bearer {bench.owner.token(**times)}").anonymous


@pytest.mark.parametrize("typ", ["at+jwt", "JWE", "JOSE", "secevent+jwt", "", 1])
def test_another_token_type(bench: Bench, typ: object) -> None:
    assert bench.refuses(bench.owner.token(bench.owner.header(typ=typ)))


def test_an_identity_token_in_place_of_an_access_token(bench: Bench) -> None:
    assert bench.refuses(
        bench.owner.token(
            iss="https://accounts.google.com", aud="https://storage.googleapis.com/", scope=None
        )
    )
    assert bench.refuses(bench.owner.token(target_audience="https://storage.googleapis.com/"))


def test_an_oauth_assertion_in_place_of_an_access_token(bench: Bench) -> None:
    assert bench.refuses(bench.owner.token(aud="https://oauth2.googleapis.com/token"))


def test_a_jwe_in_place_of_a_jws(bench: Bench) -> None:
    assert bench.refuses(f"{bench.owner.token()}.AAAA.AAAA")


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("change", ["padding", "newline", "space", "plus", "bits", "empty"])
def test_base64_that_is_not_canonical(bench: Bench, part: int, change: str) -> None:
    # A header, payload and signature whose last characters carry spare bits to flip.
    header = json.dumps(bench.owner.header()).encode()
    header += b" " * ((1 - len(header)) % 3)
    payload = json.dumps(bench.owner.claims()).encode()
    payload += b" " * ((1 - len(payload)) % 3)
    parts = bench.owner.sign(header, payload).split(".")
    last = parts[part][-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    parts[part] = {
        "padding": parts[part] + "=",
        "newline": parts[part] + "\n",
        "space": parts[part][:4] + " " + parts[part][4:],
        "plus": parts[part] + "+",
        "bits": parts[part][:-1] + alphabet[(alphabet.index(last) + 1) % 64],
        "empty": "",
    }[change]
    assert bench.refuses(".".join(parts))


def test_nested_json(bench: Bench) -> None:
    deep = b'{"a":' + b"[" * 2500 + b"]" * 2500 + b"}"
    header = json.dumps(bench.owner.header()).encode()
    assert bench.refuses(bench.owner.sign(header, deep))
    assert bench.refuses(bench.owner.sign(deep, json.dumps(bench.owner.claims()).encode()))


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b'"x"', b"7", b"{", b"\xff\xfe", b"{}x"])
def test_a_payload_that_is_no_json_object(bench: Bench, payload: bytes) -> None:
    assert bench.refuses(bench.owner.sign(json.dumps(bench.owner.header()).encode(), payload))


def test_a_token_over_8_kib(bench: Bench) -> None:
    assert bench.refuses(bench.owner.token(padding="x" * 9000))


def test_a_key_of_another_tenant(bench: Bench) -> None:
    victim = bench.owner.account.email
    assert bench.refuses(bench.stranger.token(iss=victim, sub=victim))
    swapped = bench.stranger.header(kid=bench.owner.issued.key.id)
    assert bench.refuses(bench.stranger.token(swapped))


def test_a_payload_under_another_tokens_signature(bench: Bench) -> None:
    mine, theirs = bench.owner.token().split("."), bench.owner.token(exp=NOW + 10).split(".")
    assert bench.refuses(".".join([mine[0], mine[1], theirs[2]]))


def test_an_empty_signature_and_a_signature_of_zeros(bench: Bench) -> None:
    head = bench.owner.token().rpartition(".")[0]
    assert bench.refuses(head + ".")
    assert bench.refuses(f"{head}.{b64(bytes(384))}")


def _end(bench: Bench, event: str) -> None:
    account, key = bench.owner.account, bench.owner.issued.key
    transaction = bench.universe.sealed.transaction()
    if event == "key deleted":
        transaction.delete(KEYS, key.id)
    elif event == "account deleted":
        transaction.delete(ACCOUNTS, account.email)
    elif event.startswith("key"):
        expires = bench.universe.clock() if event == "key expired" else None
        ended = dataclasses.replace(key, disabled=event == "key disabled", expires=expires)
        transaction.put(KEYS, key.id, value=ended)
    else:
        number = "1" * 21 if event == "account made again" else account.unique_id
        off = event == "account disabled"
        changed = dataclasses.replace(account, disabled=off, unique_id=number)
        transaction.put(ACCOUNTS, account.email, value=changed)
    asyncio.run(_committed(transaction))


async def _committed(transaction: Transaction) -> None:
    await transaction.commit()


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize(
    "event",
    [
        "key disabled",
        "key deleted",
        "key expired",
        "account disabled",
        "account deleted",
        "account made again",
    ],
)
def test_a_key_or_account_that_ended_a_moment_ago(
    bench: Bench, event: str, *, cached: bool
) -> None:
    token = bench.owner.token()
    if cached:
        assert not bench.identify(f"Bearer {token}").anonymous
    _end(bench, event)
    assert bench.refuses(token)


def test_a_verified_token_dies_at_its_expiry_although_it_is_remembered(bench: Bench) -> None:
    token = bench.owner.token(exp=NOW + 100)
    assert not bench.identify(f"Bearer {token}").anonymous
    bench.universe.clock.advance(100)
    assert bench.refuses(token)
    assert bench.refuses(token)


def test_a_token_verified_for_one_service_is_not_good_for_another(bench: Bench) -> None:
    token = bench.owner.token(aud=f"https://storage.{DOMAIN}/", scope=None)
    assert not bench.identify(f"Bearer {token}", "storage").anonymous
    assert bench.refuses(token, "pubsub")


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer  x",
        "bearer\tx",
        "Basic dXNlcjpwYXNz",
        "Digest x",
        "GOOG4-RSA-SHA256 Credential=x",
        "AWS4-HMAC-SHA256 Credential=x",
        "Bearer owner",
        "Bearer a, Bearer b",
        "Bearer a b",
        "token x",
        "Bearer ya29.",
        "Bearer ya29.AAAA",
        "Bearer é",
        "Bearer \udc80",
    ],
)
def test_a_malformed_credential_is_refused_and_never_anonymous(bench: Bench, header: str) -> None:
    assert bench.refuses_header(header)


def test_two_credentials_joined_by_a_proxy(bench: Bench) -> None:
    token = bench.owner.token()
    assert bench.refuses_header(f"Bearer {token}, Bearer {token}")
    assert bench.refuses_header(f"Basic x, Bearer {token}")


def test_no_credential_is_the_anonymous_caller(bench: Bench) -> None:
    assert bench.identify(None) is ANONYMOUS


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_schemes_case_does_not_matter(bench: Bench, scheme: str) -> None:
    assert not bench.identify(f"{scheme} {bench.owner.token()}").anonymous


def test_a_query_token_counts_for_media_downloads_alone(bench: Bench) -> None:
    query = {"access_token": bench.owner.token()}
    download = call(query=query, kind="media_download")
    assert not asyncio.run(bench.identity.identify(download, "storage")).anonymous
    for refused in (
        call(query=query),
        call(query=query, kind="media_upload"),
        call(f"Bearer {query['access_token']}", query=query, kind="media_download"),
        call(query={"access_token": ""}, kind="media_download"),
    ):
        with pytest.raises(CloudError):
            asyncio.run(bench.identity.identify(refused, "storage"))


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_single_changed_character_of_a_token_is_accepted(
    bench: Bench, data: st.DataObject
) -> None:
    token = bench.owner.token()
    at = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.sampled_from("ABab01-_.=+/ \n%\x00"))
    if token[at] != character:
        assert bench.refuses(token[:at] + character + token[at + 1 :])
