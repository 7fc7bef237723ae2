"""Tokens are parsed strictly before any signature is looked at."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rempart.trust.identity.refusal import Rejected
from rempart.trust.identity.strict import parse
from support.tokens import b64

HEADER = {"typ": "JWT", "alg": "RS256", "kid": "k"}
CLAIMS = {"iss": "i", "sub": "s", "aud": "a", "scope": "x y", "iat": 1, "exp": 2}
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def parts(header: Any = HEADER, claims: Any = CLAIMS) -> list[str]:
    """Return three segments whose last characters each carry spare bits."""
    contents = [json.dumps(header).encode(), json.dumps(claims).encode(), b"signature!"]
    return [b64(content + b" " * ((1 - len(content)) % 3)) for content in contents]


def test_a_good_token_is_read_whole() -> None:
    claims = parse(".".join(parts()))
    assert (claims.key_id, claims.issuer, claims.subject, claims.audience) == ("k", "i", "s", "a")
    assert claims.scopes == frozenset(("x", "y"))
    assert (claims.issued, claims.expires, claims.not_before) == (1, 2, 0)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_spare_bits_are_refused_in_each_part(part: int) -> None:
    segments = parts()
    last = ALPHABET.index(segments[part][-1])
    segments[part] = segments[part][:-1] + ALPHABET[last + 1]
    with pytest.raises(Rejected, match="canonical"):
        parse(".".join(segments))


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS512"},
        {"alg": None},
        {"typ": "at+jwt"},
        {"kid": "a/b"},
        {"jwk": {}},
    ],
    ids=str,
)
def test_a_header_that_steers_is_refused_before_any_library_sees_it(change: Any) -> None:
    with pytest.raises(Rejected):
        parse(".".join(parts(header=HEADER | change)))


@given(st.text(max_size=200))
def test_no_text_crashes_the_parser(text: str) -> None:
    with pytest.raises(Rejected):
        parse(text)


@given(header=st.binary(max_size=60), payload=st.binary(max_size=60))
def test_no_bytes_in_place_of_json_crash_the_parser(header: bytes, payload: bytes) -> None:
    good = parts()
    for segments in ([b64(header), good[1], good[2]], [good[0], b64(payload), good[2]]):
        with pytest.raises(Rejected):
            parse(".".join(segments))


@given(
    name=st.sampled_from(sorted(CLAIMS)),
    value=st.none() | st.booleans() | st.floats() | st.lists(st.integers()) | st.just({}),
)
def test_a_claim_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(Rejected):
        parse(".".join(parts(claims=CLAIMS | {name: value})))
