"""Tokens, revocations and keys on the embedded engine: what survives closing the store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import pytest

from rempart.core.clock import World, system_random
from rempart.core.errors import CloudError
from rempart.core.names import ProjectId
from rempart.engine.embedded import EmbeddedEngine
from rempart.services.oauth2 import OAuth2
from rempart.services.oauth2.api import JWT_BEARER
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.accounts import create_account, new_key
from rempart.trust.identity.id_tokens import IdTokens
from rempart.trust.identity.identify import Identity
from rempart.trust.witness.recorder import Recorder
from support.tokens import Signer
from support.worlds import DOMAIN, SetClock, call

WORLD = World(SetClock(), system_random)
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def opened(directory: Path) -> tuple[EmbeddedEngine, SealedEngine, OAuth2, Identity]:
    engine = EmbeddedEngine.open(directory, b"e" * 32)
    sealed = SealedEngine(engine, key=b"r" * 32, random=system_random)
    identity = Identity(sealed, domain=DOMAIN, token_key=b"t" * 32, world=WORLD)
    return (
        engine,
        sealed,
        OAuth2(
            identity,
            IdTokens("https://accounts.example.test", WORLD),
            Recorder(sealed, WORLD.clock),
        ),
        identity,
    )


async def bought(oauth2: OAuth2, signer: Signer) -> str:
    assertion = signer.token(aud=f"https://oauth2.{DOMAIN}/token")
    body = urlencode({"grant_type": JWT_BEARER, "assertion": assertion}).encode()
    reply = await oauth2.token(call(headers=FORM, body=body))
    assert isinstance(reply.document, dict)
    token = reply.document["access_token"]
    assert isinstance(token, str)
    return token


async def test_a_token_and_its_revocation_outlive_the_process(tmp_path: Path) -> None:
    engine, sealed, oauth2, identity = opened(tmp_path)
    write = sealed.transaction()
    account = await create_account(write, "robot-1", ProjectId("lab:demo"), world=WORLD)
    issued = await new_key(write, account.email, domain=DOMAIN, world=WORLD)
    await write.commit()
    signer = Signer.of(account, issued)
    kept, given_up = await bought(oauth2, signer), await bought(oauth2, signer)
    assert (await oauth2.revoke(call(query={"token": given_up}))).status == 200
    await engine.close()

    engine, _, _, identity = opened(tmp_path)
    try:
        assert (await identity.identify(call(f"Bearer {kept}"), "storage")).email == account.email
        with pytest.raises(CloudError):
            await identity.identify(call(f"Bearer {given_up}"), "storage")
    finally:
        await engine.close()
