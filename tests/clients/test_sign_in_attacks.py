"""What is tried against people who sign in (RFC 9700), each with the expected refusal."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import httpx
import pytest

from support.universe import Universe
from support.visitor import GCLOUD, LOOPBACK, Visitor, authorize, told
from support.workforce import CLIENT, Organization, idp, organization

__all__ = ["idp", "organization"]

PROOF = re.compile(r'name="proof" value="([^"]+)"')


def sent_to_provider(visitor: Visitor, organization: Organization) -> tuple[httpx.URL, str]:
    """Begin a sign-in; return where the provider lives, and the state that comes back."""
    answer = visitor.get(authorize(organization.provider)[0])
    target = httpx.URL(answer.headers["location"])
    assert str(target).startswith(organization.idp.issuer)
    return target, target.params["state"]


def back(visitor: Visitor, organization: Organization, who: str) -> httpx.URL:
    """Sign in at the provider, and return the address that would bring the browser back."""
    target, _ = sent_to_provider(visitor, organization)
    answer = visitor.get(target)
    while not str(answer.url).startswith(visitor.site):
        if not answer.is_redirect:
            answer = visitor._at_provider(answer, who)
            continue
        following = answer.url.join(answer.headers["location"])
        if str(following).startswith(visitor.site):
            return following
        answer = visitor.get(following)
    raise AssertionError("the provider was passed by")


def nobody_got_in(answer: httpx.Response) -> bool:
    cookies = answer.headers.get("set-cookie", "")
    return answer.status_code in (400, 403) and "__Host-session" not in cookies


def test_a_browser_that_did_not_begin_cannot_end_a_sign_in(organization: Organization) -> None:
    attacker, victim = organization.visitor(), organization.visitor()
    # The victim is made to open the address by which the attacker would be signed in.
    prepared = back(attacker, organization, "bob")
    assert nobody_got_in(victim.get(prepared))
    victim.get("/")
    assert nobody_got_in(victim.get(prepared))
    assert attacker.get(prepared).headers["location"].startswith("/confirm")


def test_an_answer_is_taken_once(organization: Organization) -> None:
    visitor = organization.visitor()
    answer = back(visitor, organization, "alice")
    before = {one.name: one.value for one in visitor.cookies.jar if one.name.startswith("__Host")}
    assert visitor.get(answer).status_code == 303
    assert nobody_got_in(visitor.get(answer))
    # Not even in the browser as it was before.
    thief = organization.visitor()
    cookie = "; ".join(f"{name}={value}" for name, value in before.items())
    assert nobody_got_in(thief.get(answer, headers={"cookie": cookie}))


def test_a_code_of_the_provider_that_somebody_else_got_is_of_no_use(
    organization: Organization,
) -> None:
    attacker, victim = organization.visitor(), organization.visitor()
    stolen = back(victim, organization, "alice").params["code"]
    _, state = sent_to_provider(attacker, organization)
    path = f"/signin-callback/{organization.provider}"
    answer = attacker.get(path, params={"code": stolen, "state": state})
    assert nobody_got_in(answer), "PKCE ties the code to the browser that began"


def test_the_answer_of_one_provider_is_not_taken_for_that_of_another(
    organization: Organization,
) -> None:
    organization.add_provider("other")
    visitor = organization.visitor()
    answer = back(visitor, organization, "alice")
    other = answer.path.replace("/providers/corp", "/providers/other")
    assert nobody_got_in(visitor.get(answer.copy_with(path=other)))
    assert answer.params["iss"] == organization.idp.issuer
    lied = answer.copy_set_param("iss", "https://evil.example")
    assert nobody_got_in(visitor.get(lied))


@pytest.mark.parametrize(
    "redirect",
    [
        "https://evil.example/",
        "http://localhost.evil.example:8085/",
        "http://localhost:8085/path",
        "http://localhost:8085/?next=https://evil.example",
        "http://localhost:8085@evil.example/",
        "http://127.0.0.1.evil.example:80/",
        "https://localhost:8085/",
        "javascript:alert(1)",
        "https://sdk.cloud.evil.example/authcode",
        "",
    ],
)
def test_nothing_is_sent_to_an_address_that_is_not_a_programs_own(
    organization: Organization, redirect: str
) -> None:
    url, _ = authorize(organization.provider, redirect_uri=redirect)
    answer = organization.visitor().get(url)
    assert (answer.status_code, "location" in answer.headers) == (400, False)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": ""}, "invalid_scope"),
        ({"provider_name": "../../x"}, "invalid_request"),
    ],
)
def test_a_program_that_asks_wrongly_is_told(
    organization: Organization, changes: dict[str, str | None], error: str
) -> None:
    answer = told(organization.visitor().get(authorize(organization.provider, **changes)[0]))
    assert (answer["error"], answer["state"]) == (error, "the program's own")


def test_an_unknown_program_gets_no_answer_at_all(organization: Organization) -> None:
    url, _ = authorize(organization.provider, client_id="evil.apps.googleusercontent.com")
    answer = organization.visitor().get(url)
    assert (answer.status_code, "location" in answer.headers) == (400, False)


def test_a_programs_code_is_good_once_and_its_second_use_ends_all_that_came_of_it(
    organization: Organization,
) -> None:
    visitor = organization.visitor()
    url, verifier = authorize(organization.provider)
    page = visitor.sign_in(url, "alice")
    code = told(visitor.submit(page, "/confirm", answer="yes"))["code"]
    for changes in (
        {"code_verifier": "x" * 64},
        {"code_verifier": ""},
        {"redirect_uri": "http://localhost:9999/"},
        {"client_id": "764086051850-6qr4p6gpi6hn506pt8ejuq83di341hur.apps.googleusercontent.com"},
        {"code": "x" * 43},
    ):
        form = {
            "grant_type": "authorization_code",
            "client_id": GCLOUD,
            "code": code,
            "redirect_uri": LOOPBACK,
            "code_verifier": verifier,
        } | changes
        refused = visitor.post(f"{visitor.sts}/oauthtoken", data=form)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    sold = visitor.exchange(code, verifier).json()
    assert organization.whoami(sold["access_token"])["active"]
    assert visitor.exchange(code, verifier).json()["error"] == "invalid_grant"
    assert not organization.whoami(sold["access_token"])["active"]
    assert visitor.refresh(sold["refresh_token"]).status_code == 400


def test_the_secret_of_one_use_is_not_good_for_another(organization: Organization) -> None:
    visitor, tokens = organization.signed_in()
    session = next(one.value for one in visitor.cookies.jar if one.name == "__Host-session")
    assert session is not None
    assert visitor.refresh(session).status_code == 400
    assert visitor.exchange(tokens["refresh_token"], "x" * 64).status_code == 400
    stranger = organization.visitor()
    cookie = {"cookie": f"__Host-session={tokens['refresh_token']}"}
    assert "You are signed in" not in stranger.get("/", headers=cookie).text


def test_forms_from_elsewhere_do_nothing(organization: Organization) -> None:
    visitor, _ = organization.signed_in()
    other, _ = organization.signed_in("bob")
    start = visitor.get(authorize(organization.provider)[0]).headers["location"]
    page = visitor.get(start)
    proof, theirs = (PROOF.search(one.text) for one in (page, other.get("/")))
    assert proof is not None
    assert theirs is not None
    flow = httpx.URL(start).params["flow"]
    for headers, given in (
        ({"origin": "https://evil.example"}, proof[1]),
        ({"origin": "null"}, proof[1]),
        ({"sec-fetch-site": "cross-site"}, proof[1]),
        ({"sec-fetch-site": "same-site"}, proof[1]),
        ({}, theirs[1]),
        ({}, ""),
    ):
        for path, form in (("/confirm", {"flow": flow, "answer": "yes"}), ("/signout", {})):
            answer = visitor.post(path, data={**form, "proof": given}, headers=headers)
            assert (answer.status_code, "location" in answer.headers) == (403, False)
    assert "You are signed in" in visitor.get("/").text


def test_a_session_that_was_planted_before_is_not_taken_over(organization: Organization) -> None:
    attacker, _ = organization.signed_in("bob")
    planted = {one.name: one.value or "" for one in attacker.cookies.jar if "__Host" in one.name}
    victim = organization.visitor()
    for name, value in planted.items():
        victim.cookies.set(name, value, domain="auth.cloud.localhost", path="/")
    url, _ = authorize(organization.provider, provider_name=organization.provider)
    organization.add_provider("other")
    page = victim.sign_in(authorize(f"{organization.pool}/providers/other")[0], "alice")
    assert "Alice Martin" in page.text
    now = {one.name: one.value for one in victim.cookies.jar if "__Host" in one.name}
    assert now.keys() == planted.keys()
    assert not set(now.values()) & set(planted.values())
    assert "Alice" not in attacker.get("/").text
    assert url


def test_two_cookies_of_one_name_are_none(organization: Organization) -> None:
    visitor, _ = organization.signed_in()
    session = next(one.value for one in visitor.cookies.jar if one.name == "__Host-session")
    cookie = f"__Host-session={session}; __Host-session={'x' * 43}"
    stranger = organization.visitor()
    assert "You are signed in" not in stranger.get("/", headers={"cookie": cookie}).text


def test_every_page_keeps_others_out(organization: Organization) -> None:
    visitor, _ = organization.signed_in()
    url, _ = authorize(organization.provider)
    pages = ["/", visitor.get(url).headers["location"], "/nowhere", "/confirm?flow=<script>"]
    stranger = organization.visitor()
    shown = [visitor.get(one) for one in pages] + [
        stranger.get("/"),
        stranger.get(authorize(organization.provider, provider_name=None)[0]),
        stranger.get(f"/signin-callback/{organization.provider}?state=%3Cscript%3E&error=x"),
    ]
    for page in shown:
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; form-action 'self'")
        assert "frame-ancestors 'none'" in policy
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert "<script" not in page.text
        assert " style=" not in page.text
        for link in re.findall(r'(?:src|href|action)="([^"]*)"', page.text):
            assert not urlsplit(link).netloc, link


def test_the_site_answers_by_its_own_name_and_over_tls_alone(
    organization: Organization, universe: Universe
) -> None:
    for base, host, status in (
        (universe.url, f"auth.cloud.{universe.domain}", 200),
        (universe.url, "auth.cloud.googleapis.com", 403),
        (universe.plain_url, f"auth.cloud.{universe.domain}", 403),
    ):
        answer = httpx.get(
            f"{base}/", headers={"host": host}, verify=universe.trust(), trust_env=False
        )
        assert (answer.status_code, "set-cookie" in answer.headers) == (status, status == 200)


def test_what_a_person_reads_is_escaped(organization: Organization) -> None:
    organization.change(
        organization.provider,
        "attributeMapping",
        {"attributeMapping": {"google.subject": "assertion.sub + '<b>'"}},
    )
    page = organization.visitor().sign_in(authorize(organization.provider)[0], "alice")
    assert "alice&lt;b&gt;" in page.text
    assert "<b>" not in page.text


def test_who_the_condition_refuses_does_not_get_in(organization: Organization) -> None:
    condition = {"attributeCondition": "'engineers' in google.groups"}
    organization.change(organization.provider, "attributeCondition", condition)
    start = authorize(organization.provider)[0]
    page = organization.visitor().sign_in(start, "bob")
    assert (page.status_code, "attribute condition" in page.text) == (403, True)
    assert organization.visitor().sign_in(start, "alice").status_code == 200


def test_a_provider_that_is_down_is_told(organization: Organization) -> None:
    secret = {"value": {"plainText": "agreed with nobody"}}
    organization.change(
        organization.provider,
        "oidc.issuerUri,oidc.clientSecret",
        {"oidc": {"issuerUri": "https://localhost:1", "clientSecret": secret}},
    )
    answer = organization.visitor().get(authorize(organization.provider)[0])
    assert answer.status_code == 502
    assert CLIENT not in answer.text
