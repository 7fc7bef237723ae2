"""The universe as an issuer: tokens that others verify by what it publishes."""

from __future__ import annotations

import json

import jwt
import pytest

from rempart.trust.identity.issuer import RENEW_SECONDS, TOKENS_MAX, Issuer
from support.worlds import DOMAIN, NOW, SetClock

AUDIENCE = "https://ekm.example.test"
AGENT = "service-123456789012@gcp-sa-ekms.lab-system.iam.gserviceaccount.com"


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def issuer(clock: SetClock) -> Issuer:
    return Issuer(DOMAIN, b"i" * 32, clock)


def verified(issuer: Issuer, token: str, audience: str = AUDIENCE) -> dict[str, object]:
    """Return the claims of a token as a manager that was given the JWK set reads them."""
    keys = jwt.PyJWKSet.from_json(json.dumps(issuer.keys()))
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, object] = jwt.decode(
        token, key, algorithms=["EdDSA"], audience=audience, options={"verify_exp": False}
    )
    return claims


def test_a_token_says_who_asks_whom_and_until_when(issuer: Issuer) -> None:
    assert verified(issuer, issuer.token(AUDIENCE, AGENT)) == {
        "iss": f"https://accounts.{DOMAIN}",
        "aud": AUDIENCE,
        "sub": AGENT,
        "email": AGENT,
        "email_verified": True,
        "iat": NOW,
        "exp": NOW + 3600,
    }


def test_a_token_is_for_one_manager(issuer: Issuer) -> None:
    with pytest.raises(jwt.InvalidAudienceError):
        verified(issuer, issuer.token("https://other.example.test", AGENT))


def test_a_token_is_kept_until_its_last_minutes(issuer: Issuer, clock: SetClock) -> None:
    first = issuer.token(AUDIENCE, AGENT)
    clock.advance(3600 - RENEW_SECONDS)
    assert issuer.token(AUDIENCE, AGENT) == first
    clock.advance(1)
    assert issuer.token(AUDIENCE, AGENT) != first


def test_a_clock_that_was_set_back_gives_no_token_of_the_future(
    issuer: Issuer, clock: SetClock
) -> None:
    clock.advance(100_000)
    issuer.token(AUDIENCE, AGENT)
    clock.advance(-100_000)
    assert verified(issuer, issuer.token(AUDIENCE, AGENT))["iat"] == NOW


def test_tokens_for_many_managers_do_not_pile_up(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rempart.trust.identity.issuer.TOKENS_MAX", 3)
    for number in range(5):
        issuer.token(f"https://ekm-{number}.example.test", AGENT)
    assert len(issuer._made) == 3 < TOKENS_MAX


def test_the_key_is_the_roots_and_nobody_elses(issuer: Issuer, clock: SetClock) -> None:
    assert Issuer(DOMAIN, b"i" * 32, clock).keys() == issuer.keys()
    other = Issuer(DOMAIN, b"j" * 32, clock)
    assert other.keys() != issuer.keys()
    with pytest.raises(KeyError):
        verified(issuer, other.token(AUDIENCE, AGENT))


def test_what_is_published_says_where_the_keys_are(issuer: Issuer) -> None:
    configuration = issuer.configuration()
    assert configuration["issuer"] == f"https://accounts.{DOMAIN}"
    assert configuration["jwks_uri"] == f"https://accounts.{DOMAIN}/oauth2/v3/certs"
    assert "d" not in json.dumps(issuer.keys()).split('"')
