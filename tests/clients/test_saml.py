"""People and programs of an organization whose identity provider speaks SAML."""

from __future__ import annotations

import base64
import html
import json
import re
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from google.auth import identity_pool
from google.auth.transport.requests import Request

from rempart.trust.identity.federation.saml.facts import DOCUMENT_BYTES_MAX
from support.chromium import browser
from support.saml_attacks import ATTACKS
from support.saml_forge import Forge, base64_of
from support.saml_provider import MAPPING, SAMLProvider, running
from support.universe import CLOUD_PLATFORM, Universe, program
from support.visitor import Visitor, authorize, told

# The library leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

POOLS = "/iam/v1/locations/global/workforcePools"
AT_DOOR = ("not signed", "another key", "a forged one after", "an assertion swapped",
           "a comment in the name", "a bomb")  # fmt: skip


NAMED = {"groups": ("visitors",), "displayName": ("Bob Durand",)}


@dataclass
class Corp:
    """A workforce pool with one SAML provider, and the provider's program."""

    universe: Universe
    admin: httpx.Client
    idp: SAMLProvider
    pool: str
    id: str = "corp"
    visitors: list[Visitor] = field(default_factory=list)

    @property
    def provider(self) -> str:
        return f"{self.pool}/providers/{self.id}"

    @property
    def audience(self) -> str:
        return f"https://iam.googleapis.com/{self.provider}"

    @property
    def here(self) -> str:
        site = f"https://auth.cloud.localhost:{self.universe.listen}"
        return f"{site}/signin-callback/{self.provider}"

    @property
    def pen(self) -> Forge:
        return self.idp.pen(self.audience, self.here)

    def visitor(self) -> Visitor:
        self.visitors.append(Visitor(self.universe, self.idp))
        return self.visitors[-1]

    def create(self, id_: str) -> None:
        saml = {"idpMetadataXml": self.idp.metadata()}
        document = {"attributeMapping": MAPPING, "saml": saml}
        query = {"workforcePoolProviderId": id_}
        made = self.admin.post(f"/iam/v1/{self.pool}/providers", params=query, json=document)
        assert made.status_code == 200, made.text

    def whoami(self, token: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.admin.post("/sts/v1/introspect", data={"token": token}).json()
        return answer


@pytest.fixture(scope="module")
def idp(
    universe: Universe, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[SAMLProvider]:
    with running(tmp_path_factory.mktemp("saml"), pytestconfig, universe.outside) as made:
        yield made


@pytest.fixture(scope="module")
def corp(universe: Universe, admin: httpx.Client, idp: SAMLProvider) -> Corp:
    id_ = f"saml-{uuid.uuid4().hex[:8]}"
    parent = universe.above["organizations"]
    made = admin.post(POOLS, params={"workforcePoolId": id_}, json={"parent": parent})
    assert made.status_code == 200, made.text
    corp = Corp(universe, admin, idp, f"locations/global/workforcePools/{id_}")
    corp.create("corp")
    return corp


@pytest.fixture(autouse=True)
def _closed(corp: Corp) -> Iterator[None]:
    yield
    while corp.visitors:
        corp.visitors.pop().close()


@dataclass
class Begun:
    """A sign-in that was begun in a browser: our request's ID, and what an answer brings along."""

    visitor: Visitor
    request: str
    relay: str
    target: str
    verifier: str

    def post(self, where: str, xml: str, relay: str | None = None) -> httpx.Response:
        form = {"SAMLResponse": base64_of(xml), "RelayState": relay or self.relay}
        headers = {"origin": "https://idp.example.test", "sec-fetch-site": "cross-site"}
        return self.visitor.post(where, data=form, headers=headers)


def begun(corp: Corp, visitor: Visitor | None = None) -> Begun:
    visitor = visitor or corp.visitor()
    url, verifier = authorize(corp.provider)
    target = visitor.get(url).headers["location"]
    query = parse_qs(urlsplit(target).query)
    asked = zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), -15).decode()
    found = re.search(r' ID="([^"]+)"', asked)
    assert found is not None
    assert f'AssertionConsumerServiceURL="{corp.here}"' in asked
    assert f"<saml:Issuer>{corp.audience}</saml:Issuer>" in asked
    relay = query["RelayState"][0]
    assert len(relay) <= 80
    return Begun(visitor, found[1], relay, target, verifier)


def test_a_person_signs_in_in_a_real_browser(corp: Corp, idp: SAMLProvider, tmp_path: Path) -> None:
    believed = (corp.universe.data / "ca.pem", idp.folder / "localhost.pem")
    visitor = corp.visitor()
    with browser(tmp_path / "browser", believed) as page:
        url, _ = authorize(corp.provider, provider_name=None)
        page.open(visitor.site + url)
        page.fill("provider", corp.provider)
        page.click("button")
        page.click("a.button")
        page.wait(lambda: page.evaluate("!!document.querySelector('[name=login]')"))
        page.fill("login", "alice")
        page.click("[type=submit]")
        page.wait(lambda: "Let a program act for you?" in page.text)
        assert "Alice Martin" in page.text
        page.open(visitor.site)
        assert "Alice Martin" in page.text
        cookies = {one["name"] for one in page.cookies() if "__Host" in one["name"]}
        assert cookies == {"__Host-browser", "__Host-session"}
        assert [one for one in page.complaints if "Content Security Policy" in one] == []


def test_what_a_real_provider_answers_opens_what_its_group_may(
    corp: Corp, admin: httpx.Client, bucket: str
) -> None:
    group = f"principalSet://iam.googleapis.com/{corp.pool}/group/engineers"
    policy = {"bindings": [{"role": "roles/storage.objectViewer", "members": [group]}]}
    assert admin.put(f"/storage/v1/b/{bucket}/iam", json=policy).status_code == 200
    for who, status in (("alice", 200), ("bob", 403)):
        sign_in = begun(corp)
        page = _answered(sign_in, who)
        answer = told(sign_in.visitor.submit(page, "/confirm", answer="yes"))
        tokens = sign_in.visitor.exchange(answer["code"], sign_in.verifier).json()
        member = f"principal://iam.googleapis.com/{corp.pool}/subject/{who}"
        assert corp.whoami(tokens["access_token"])["username"] == member
        with corp.universe.caller(tokens["access_token"]) as caller:
            assert caller.get(f"/storage/v1/b/{bucket}/o").status_code == status


def _answered(sign_in: Begun, who: str) -> httpx.Response:
    """Walk through the provider's pages and bring its answer back, without scripts."""
    visitor = sign_in.visitor
    login = visitor.get(sign_in.target)
    to = re.search(r'name="to" value="([^"]+)"', login.text)
    assert to is not None
    sent = visitor.post(login.url.join("/login"), data={"to": html.unescape(to[1]), "login": who})
    form = visitor.get(sent.url.join(sent.headers["location"])).text
    where = re.search(r'action="([^"]+)"', form)
    fields = {
        name: html.unescape(value)
        for name, value in re.findall(r'name="(\w+)"\s+value="([^"]*)"', form)
    }
    assert where is not None, form
    answer = visitor.post(html.unescape(where[1]), data=fields)
    assert answer.status_code == 303, answer.text
    again = visitor.post(html.unescape(where[1]), data=fields)
    assert "You sign in at" in again.text, "the answer's cookie is used up"
    return visitor.get(answer.headers["location"])


def test_an_answer_is_taken_in_the_browser_that_asked_once_and_at_its_own_address(
    corp: Corp,
) -> None:
    mine, other = begun(corp), begun(corp)
    pen = corp.pen
    stolen = pen.signed("mallory", request=other.request)
    assert "another sign-in" in mine.post(corp.here, stolen).text
    mine = begun(corp)
    good = pen.signed(request=mine.request, id="_mine", attributes=NAMED)
    elsewhere = corp.here.replace("/providers/corp", "/providers/none")
    assert "another provider" in mine.post(elsewhere, good).text
    mine = begun(corp)
    good = pen.signed(request=mine.request, id="_mine", attributes=NAMED)
    assert "Begin again" in mine.post(corp.here, good, relay=other.relay).text
    assert mine.post(corp.here, good).status_code == 303
    once_more = begun(corp)
    replayed = pen.signed(request=once_more.request, id="_mine")
    assert "used before" in once_more.post(corp.here, replayed).text


def test_an_answer_that_nobody_asked_for_signs_nobody_in_but_shows_the_way(
    corp: Corp, idp: SAMLProvider
) -> None:
    visitor = corp.visitor()
    unasked = idp.response("alice", corp.audience, corp.here)
    page = visitor.post(corp.here, data={"SAMLResponse": unasked, "RelayState": "https://x.test"})
    assert page.status_code == 200
    assert f'href="{idp.address}/sso?SAMLRequest=' in page.text
    assert "__Host-session" not in visitor.cookies
    assert "Alice" not in visitor.get("/").text
    elsewhere = corp.visitor()
    assert elsewhere.post(f"{corp.here}x", data={"SAMLResponse": unasked}).status_code == 403


@pytest.mark.parametrize("what", AT_DOOR)
def test_who_forges_wraps_or_hides_is_not_signed_in(corp: Corp, what: str) -> None:
    why, attack = ATTACKS[what]
    sign_in, pen = begun(corp), corp.pen
    page = sign_in.post(corp.here, attack(pen))
    assert (page.status_code, why in page.text) == (403, True)
    assert "__Host-session" not in sign_in.visitor.cookies


def test_a_form_that_is_huge_or_none_is_refused(corp: Corp) -> None:
    sign_in = begun(corp)
    assert "more than" in sign_in.post(corp.here, "<" * (DOCUMENT_BYTES_MAX + 1)).text
    assert begun(corp).post(corp.here, "<" * 300_000).status_code in {400, 413}
    assert begun(corp).visitor.post(corp.here, content=b"x").status_code == 400


def test_a_session_ends_with_the_providers_and_with_the_next_one_in_its_browser(
    corp: Corp,
) -> None:
    first = begun(corp)
    asserted = corp.pen.signed("bob", request=first.request, attributes=NAMED, session=600)
    page = first.visitor.get(first.post(corp.here, asserted).headers["location"])
    code = told(first.visitor.submit(page, "/confirm", answer="yes"))["code"]
    tokens = first.visitor.exchange(code, first.verifier).json()
    assert 580 < tokens["expires_in"] <= 600
    held = first.visitor.cookies["__Host-session"]
    assert _shown(corp, held)

    corp.create("other")
    other = replace(corp, id="other")
    second = begun(other, first.visitor)
    pen = other.idp.pen(other.audience, other.here)
    answer = second.post(other.here, pen.signed(request=second.request, attributes=NAMED))
    assert answer.status_code == 303
    assert second.visitor.cookies["__Host-session"] != held
    assert not _shown(corp, held)


def _shown(corp: Corp, session: str) -> bool:
    """Tell whether a session's cookie still opens the page of whom it is."""
    page = corp.visitor().get("/", headers={"cookie": f"__Host-session={session}"})
    return "Bob Durand" in page.text


def test_a_program_buys_tokens_by_google_auth_for_a_file_with_a_response(
    shell: Universe, admin: httpx.Client, idp: SAMLProvider, tmp_path: Path
) -> None:
    pools, id_ = ("iam", "workload-identity-pools"), f"sp-{uuid.uuid4().hex[:8]}"
    above = f"projects/{shell.project}/locations/global"
    query = {"workloadIdentityPoolId": id_}
    made = admin.post(f"/iam/v1/{above}/workloadIdentityPools", params=query, json={})
    pool = made.json()["response"]["name"]
    metadata, settings, token = (tmp_path / one for one in ("idp.xml", "saml.json", "token"))
    metadata.write_text(idp.metadata())
    gcloud = program("gcloud")
    shell.run(
        gcloud, *pools, "providers", "create-saml", "corp", "--location=global",
        f"--workload-identity-pool={id_}", f"--idp-metadata-path={metadata}",
        "--attribute-mapping=google.subject=assertion.subject",
        "--attribute-condition='engineers' in assertion.attributes['groups']",
    )  # fmt: skip
    name = f"{pool}/providers/corp"
    assert admin.get(f"/iam/v1/{name}").json()["saml"] == {"idpMetadataXml": idp.metadata()}
    shell.run(
        gcloud, *pools, "create-cred-config", name, f"--output-file={settings}",
        f"--credential-source-file={token}",
        "--subject-token-type=urn:ietf:params:oauth:token-type:saml2",
    )  # fmt: skip
    audience, here = f"https://iam.googleapis.com/{name}", f"https://sts.{shell.domain}/v1/token"
    token.write_text(idp.response("alice", audience, here) + "\n")
    content = json.loads(settings.read_text()) | {"token_url": f"{shell.url}/sts/v1/token"}
    content.pop("token_info_url", None)
    from_info: Any = identity_pool.Credentials.from_info
    for _ in range(2):
        credentials = from_info(content, scopes=[CLOUD_PLATFORM])
        credentials.refresh(Request())
        who = admin.post("/sts/v1/introspect", data={"token": credentials.token}).json()
        assert who["username"] == f"principal://iam.googleapis.com/{pool}/subject/alice"
    token.write_text(idp.response("bob", audience, here))
    with pytest.raises(Exception, match="rejected by the attribute condition"):
        from_info(content, scopes=[CLOUD_PLATFORM]).refresh(Request())
