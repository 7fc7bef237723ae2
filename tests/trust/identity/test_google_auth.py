"""Google's own library takes our key file, and what it signs is accepted here."""

from __future__ import annotations

import json

import pytest
from google.auth import jwt as google_jwt
from google.oauth2 import service_account

from rempart.core.clock import World, system_clock
from rempart.core.names import ProjectId, ServiceAccountEmail
from rempart.trust.identity.accounts import KEYS, email_of, new_key
from rempart.trust.identity.identify import Identity
from support.tokens import CLOUD, SCOPE
from support.worlds import DOMAIN, TestUniverse, call


@pytest.fixture
def universe() -> TestUniverse:
    # Google's library reads the machine's clock, so this universe does too.
    universe = TestUniverse()
    universe.world = World(system_clock)
    return universe


def door(universe: TestUniverse) -> Identity:
    return Identity(universe.sealed, domain=DOMAIN, token_key=b"t" * 32, world=universe.world)


async def test_credentials_with_scopes_sign_a_token_that_identifies_the_account(
    universe: TestUniverse,
) -> None:
    account, issued = await universe.account()
    credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]  # Google's
        json.loads(issued.file), scopes=[CLOUD, SCOPE + "devstorage.full_control"]
    )
    assert credentials.universe_domain == DOMAIN
    credentials.refresh(None)
    principal = await door(universe).identify(call(f"Bearer {credentials.token}"), "storage")
    assert (principal.email, principal.unique_id) == (account.email, account.unique_id)
    assert principal.project == "lab:demo"
    assert principal.scopes == frozenset((CLOUD, SCOPE + "devstorage.full_control"))


@pytest.mark.parametrize("host", [f"cloudkms.{DOMAIN}", "cloudkms.googleapis.com"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_credentials_for_an_audience_are_good_for_that_service(
    universe: TestUniverse, host: str, slash: str
) -> None:
    _, issued = await universe.account()
    credentials = google_jwt.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]  # Google's
        json.loads(issued.file), audience=f"https://{host}{slash}"
    )
    credentials.refresh(None)
    authorization = f"Bearer {credentials.token.decode()}"
    principal = await door(universe).identify(call(authorization), "cloudkms")
    assert principal.scopes is None


async def test_the_key_file_names_everything_that_clients_read(universe: TestUniverse) -> None:
    account, issued = await universe.account()
    content = json.loads(issued.file)
    assert content.pop("private_key").startswith("-----BEGIN PRIVATE KEY-----\n")
    assert content == {
        "type": "service_account",
        "project_id": "lab:demo",
        "private_key_id": issued.key.id,
        "client_email": account.email,
        "client_id": account.unique_id,
        "auth_uri": f"https://accounts.{DOMAIN}/o/oauth2/auth",
        "token_uri": f"https://oauth2.{DOMAIN}/token",
        "auth_provider_x509_cert_url": f"https://www.{DOMAIN}/oauth2/v1/certs",
        "client_x509_cert_url": f"https://www.{DOMAIN}/robot/v1/metadata/x509/"
        "robot-1%40demo.lab.iam.gserviceaccount.com",
        "universe_domain": DOMAIN,
    }
    assert len(account.unique_id) == 21
    assert len(issued.key.id) == 40


async def test_the_token_uri_can_be_another(universe: TestUniverse) -> None:
    account, _ = await universe.account()
    transaction = universe.sealed.transaction()
    uri = "http://127.0.0.1:9000/token"
    issued = await new_key(
        transaction, account.email, domain=DOMAIN, world=universe.world, token_uri=uri
    )
    assert json.loads(issued.file)["token_uri"] == uri


async def test_the_private_key_is_neither_stored_nor_shown(universe: TestUniverse) -> None:
    _, issued = await universe.account()
    assert "PRIVATE" not in repr(issued)
    found = await universe.reopened().find(KEYS, KEYS.key(issued.key.id))
    assert found is not None
    assert found.value == issued.key


def test_the_mail_domain_turns_the_project_prefix_round() -> None:
    assert email_of("sa", ProjectId("lab:demo")) == ServiceAccountEmail(
        "sa@demo.lab.iam.gserviceaccount.com"
    )
    assert email_of("sa", ProjectId("demo")) == "sa@demo.iam.gserviceaccount.com"
