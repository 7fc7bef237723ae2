"""Token exchange for SAML assertions: who becomes whom, and every way in that is none."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest

from rempart.core.errors import CloudError, Code
from rempart.services.auth.sweep import EndedSessions
from rempart.trust.identity.federation.saml.used import USED, use_up
from support.federated import POOLS, Outside
from support.saml_attacks import ATTACKS, BAD_METADATA, WRONG
from support.saml_forge import Forge, Signer, base64_of, unsigned

SAML2 = "urn:ietf:params:oauth:token-type:saml2"
MAPPING = {
    "google.subject": "assertion.subject",
    "google.groups": "assertion.attributes['groups']",
    "attribute.first": "assertion.attributes['groups'][0]",
}
_DAY = dt.timedelta(days=1)


@dataclass
class Corp:
    """A pool that believes a SAML identity provider, and that provider's pen."""

    outside: Outside
    forge: Forge

    @classmethod
    async def start(cls, *others: Signer) -> Corp:
        outside = await Outside.start()
        clock = outside.iam.cloud.clock
        today = dt.datetime.fromtimestamp(clock() / 1e6, dt.UTC)
        domain = outside.iam.cloud.parts.identity.domain
        forge = Forge(
            audience=f"https://iam.googleapis.com/{outside.name}/providers/saml",
            recipient=f"https://sts.{domain}/v1/token",
            signer=Signer(begins=today - _DAY, ends=today + 365 * _DAY),
            now=lambda: clock() / 1e6,
        )
        made = cls(outside, forge)
        await made.create(forge.metadata(*others))
        return made

    async def create(self, metadata: str, id_: str = "saml") -> dict[str, Any]:
        document = {"attributeMapping": MAPPING, "saml": {"idpMetadataXml": metadata}}
        return await self.outside.create_provider(id_, oidc=None, **document)

    async def patch(self, metadata: str) -> dict[str, Any]:
        name = f"{self.outside.name}/providers/saml"
        document, mask = {"saml": {"idpMetadataXml": metadata}}, {"updateMask": "saml"}
        method = f"{POOLS}.providers.patch"
        return await self.outside.iam.ask(method, name, document, query=mask)

    async def exchange(self, xml: str | bytes) -> tuple[int, dict[str, Any]]:
        audience = self.forge.audience.removeprefix("https:")
        return await self.outside.exchange(
            base64_of(xml), audience=audience, subject_token_type=SAML2
        )

    async def why_not(self, xml: str | bytes) -> str:
        """Return why a response is not taken."""
        status, answer = await self.exchange(xml)
        assert status == 400, answer
        return str(answer["error_description"])


@pytest.fixture(scope="module")
def corp() -> Corp:
    return asyncio.run(Corp.start())


async def test_an_assertion_becomes_an_identity_of_the_pool(corp: Corp) -> None:
    forge = corp.forge
    both = forge.response(forge.signed(), sign=True)
    whole = forge.response(unsigned(forge.assertion()), sign=True)
    for xml in (forge.response(forge.signed()), forge.signed(), both, whole):
        status, answer = await corp.exchange(xml)
        assert status == 200, answer
        principal = await corp.outside.principal(answer["access_token"])
        assert principal.member == corp.outside.member("subject/alice")
        assert principal.sets == tuple(
            map(corp.outside.member, ("*", "group/engineers", "group/auditors",
                                      "attribute.first/engineers"))
        )  # fmt: skip


async def test_the_token_ends_with_the_providers_own_session(corp: Corp) -> None:
    _, answer = await corp.exchange(corp.forge.signed(session=90))
    assert answer["expires_in"] == 90
    assert "has ended" in await corp.why_not(corp.forge.signed(session=-1))


async def test_a_token_may_be_had_again_until_it_expires_unless_it_is_for_one_use(
    corp: Corp,
) -> None:
    forge = corp.forge
    often, once = forge.signed(), forge.signed(conditions="<saml:OneTimeUse/>")
    assert [(await corp.exchange(often))[0] for _ in range(2)] == [200, 200]
    assert (await corp.exchange(once))[0] == 200
    assert "used before" in await corp.why_not(once)


async def test_what_a_browser_used_is_good_for_nothing_more_until_it_would_have_expired() -> None:
    corp = await Corp.start()
    parts = corp.outside.iam.cloud.parts
    provider, now = f"{corp.outside.name}/providers/saml", corp.outside.iam.cloud.clock
    await use_up(parts.sealed, provider, "_one", now() + 300_000_000)
    assert "used before" in await corp.why_not(corp.forge.signed(id="_one"))
    sweep = EndedSessions(parts.sealed, parts.world)
    await sweep.run()
    assert len(await parts.sealed.scan(USED, USED.under(), limit=9)) == 1
    now.advance(301)
    await sweep.run()
    assert not await parts.sealed.scan(USED, USED.under(), limit=9)


DOOR = ("not signed", "another key", "a forged one before", "an assertion swapped",
        "a comment in the name", "a bomb")  # fmt: skip


@pytest.mark.parametrize("what", DOOR)
async def test_who_forges_wraps_or_hides_gets_nothing(corp: Corp, what: str) -> None:
    told, attack = ATTACKS[what]
    assert told in await corp.why_not(attack(corp.forge))


@pytest.mark.parametrize("what", ["another audience", "another recipient", "expired"])
async def test_an_assertion_that_is_not_for_us_here_and_now_is_refused(
    corp: Corp, what: str
) -> None:
    told, changes = WRONG[what]
    assert told in await corp.why_not(corp.forge.signed(**changes))


async def test_keys_rotate_and_expire() -> None:
    corp = await Corp.start()
    clock = corp.outside.iam.cloud.clock
    today = dt.datetime.fromtimestamp(clock() / 1e6, dt.UTC)
    following = Signer(begins=today - _DAY, ends=today + 700 * _DAY)
    new = Forge(corp.forge.audience, corp.forge.recipient, signer=following, now=corp.forge.now)
    assert "does not verify" in await corp.why_not(new.signed())
    with pytest.raises(CloudError, match="none of its current signing certificates"):
        await corp.patch(new.metadata())
    await corp.patch(corp.forge.metadata(following))
    assert [(await corp.exchange(one.signed()))[0] for one in (new, corp.forge)] == [200, 200]
    clock.advance(366 * 86_400)
    assert "valid now" in await corp.why_not(corp.forge.signed())
    assert (await corp.exchange(new.signed()))[0] == 200


async def test_metadata_that_cannot_serve_are_refused_when_they_are_set(corp: Corp) -> None:
    for what in ("nothing", "a document type", "expired alone", "long"):
        told, make = BAD_METADATA[what]
        with pytest.raises(CloudError, match=told) as caught:
            await corp.create(make(corp.forge), "bad-one")
        assert caught.value.code is Code.INVALID_ARGUMENT


async def test_a_provider_takes_the_tokens_of_its_own_kind_alone(corp: Corp) -> None:
    outside = corp.outside
    token, audience = outside.id_token(), corp.forge.audience.removeprefix("https:")
    status, answer = await outside.exchange(token, audience=audience)
    assert (status, answer["error"]) == (400, "invalid_request")
    xml = base64_of(corp.forge.signed())
    status, answer = await outside.exchange(xml, subject_token_type=SAML2)
    assert (status, answer["error"]) == (400, "invalid_request")
    with pytest.raises(CloudError, match="one kind"):
        await outside.create_provider("both", saml={"idpMetadataXml": corp.forge.metadata()})
