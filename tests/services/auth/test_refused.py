"""Who is not let in is on record, in the words that the person is told."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from rempart.core.call import Reply
from rempart.services.auth.browser import BROWSER
from rempart.trust.identity.workforce.documents import digest_of
from support.cloud_storage import Cloud
from support.entries import last_entry
from support.worlds import call

PROVIDER = "locations/global/workforcePools/people/providers/corp"
BROWSER_SECRET = "b" * 43
COOKIE = f"{BROWSER}={BROWSER_SECRET}"
FORM = {"content-type": "application/x-www-form-urlencoded"}


async def ask(cloud: Cloud, path: str, *, form: dict[str, str] | None = None) -> Reply:
    body = urlencode(form or {}).encode()
    asked = msgspec.structs.replace(
        call(
            headers=(FORM if form else {}) | {"cookie": COOKIE},
            body=body,
            query={"state": "s", "code": "c"},
        ),
        path={"path": path},
        verb="POST" if form else "GET",
        base_url="https://auth.cloud.apis.example.test",
    )
    return await cloud.parts.auth.site.serve(asked)


async def test_a_sign_in_that_nobody_began_is_on_record() -> None:
    cloud = await Cloud.start()
    reply = await ask(cloud, f"/signin-callback/{PROVIDER}")
    leaf = await last_entry(cloud.parts.sealed)
    assert (leaf.method, leaf.principal) == ("auth.signIn", "allUsers")
    assert (leaf.resource, leaf.status) == (PROVIDER, reply.status)
    assert leaf.facts["told"].startswith("This sign-in took too long")


async def test_a_one_time_token_that_is_refused_is_on_record_without_the_token() -> None:
    cloud = await Cloud.start()
    flow = cloud.parts.auth.site._arrival._setup.new_flow(digest_of(BROWSER_SECRET), None)
    form = {"flow": flow, "provider": PROVIDER, "token": "a-secret"}
    await ask(cloud, "/bootstrap", form=form)
    leaf = await last_entry(cloud.parts.sealed)
    assert (leaf.method, leaf.resource, leaf.status) == ("auth.signIn", PROVIDER, 403)
    assert "a-secret" not in str(leaf)


async def test_a_program_that_is_refused_a_token_is_on_record() -> None:
    cloud = await Cloud.start()
    body = urlencode({"grant_type": "refresh_token", "refresh_token": "a-secret"}).encode()
    reply = await cloud.parts.auth.tokens.token(call(headers=FORM, body=body))
    leaf = await last_entry(cloud.parts.sealed)
    assert (leaf.method, leaf.status) == ("sts.oauthtoken", reply.status)
    assert leaf.facts == {"error": "invalid_client"}
