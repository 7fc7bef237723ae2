"""People sign in through their organization's provider, and let programs act for them."""

from __future__ import annotations

import httpx

from support.universe import created
from support.visitor import authorize, told
from support.workforce import Organization, idp, organization

__all__ = ["idp", "organization"]


def test_a_person_signs_in_and_a_program_acts_for_it(organization: Organization) -> None:
    visitor = organization.visitor()
    url, verifier = authorize(organization.provider)
    page = visitor.sign_in(url, "alice")
    assert "Google Cloud CLI" in page.text
    assert "Alice Martin" in page.text
    answer = told(visitor.submit(page, "/confirm", answer="yes"))
    assert answer["state"] == "the program's own"
    sold = visitor.exchange(answer["code"], verifier).json()
    assert 3500 < sold["expires_in"] <= 3600
    who = organization.whoami(sold["access_token"])
    assert (who["active"], who["username"]) == (True, organization.member("alice"))
    again = visitor.refresh(sold["refresh_token"]).json()
    assert organization.whoami(again["access_token"])["username"] == organization.member("alice")


def test_who_is_in_a_group_that_has_a_role_gets_in_and_others_do_not(
    organization: Organization, admin: httpx.Client, name: str
) -> None:
    uniform = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
    bucket = created(admin, organization.universe, name, uniform)
    group = f"principalSet://iam.googleapis.com/{organization.pool}/group/engineers"
    policy = {"bindings": [{"role": "roles/storage.objectViewer", "members": [group]}]}
    assert admin.put(f"/storage/v1/b/{bucket}/iam", json=policy).status_code == 200
    for who, status in (("alice", 200), ("bob", 403)):
        _, tokens = organization.signed_in(who)
        with organization.universe.caller(tokens["access_token"]) as caller:
            assert caller.get(f"/storage/v1/b/{bucket}/o").status_code == status


def test_a_person_who_is_signed_in_is_not_asked_by_the_provider_again(
    organization: Organization,
) -> None:
    visitor, _ = organization.signed_in()
    url, _ = authorize(organization.provider)
    answer = visitor.get(url)
    assert answer.headers["location"].startswith("/confirm?flow=")
    home = visitor.get("/")
    assert "Alice Martin" in home.text
    out = visitor.submit(home, "/signout")
    assert out.headers["location"] == "/"
    assert "Alice Martin" not in visitor.get("/").text
    assert visitor.get(url).headers["location"].startswith(organization.idp.issuer)


def test_a_person_may_choose_the_provider_and_may_say_no(organization: Organization) -> None:
    visitor = organization.visitor()
    url, _ = authorize(organization.provider, provider_name=None)
    chosen = visitor.submit(visitor.get(url), "/provider", provider=organization.provider)
    assert "localhost" in chosen.text
    way = chosen.text.partition('href="https')[2].partition('"')[0].replace("&amp;", "&")
    page = visitor.sign_in(f"https{way}", "bob")
    assert told(visitor.submit(page, "/confirm", answer="no")) == {
        "error": "access_denied",
        "state": "the program's own",
    }


def test_revoking_either_token_ends_the_session(organization: Organization) -> None:
    for kind in ("refresh_token", "access_token"):
        visitor, tokens = organization.signed_in()
        gone = visitor.post(f"{visitor.sts}/revoke", data={"token": tokens[kind]})
        assert gone.status_code == 200
        assert not organization.whoami(tokens["access_token"])["active"]
        refused = visitor.refresh(tokens["refresh_token"])
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
        assert visitor.post(f"{visitor.sts}/revoke", data={"token": "x"}).status_code == 200


def test_what_stands_above_a_person_is_asked_at_every_use(organization: Organization) -> None:
    visitor, tokens = organization.signed_in()
    token, subject = tokens["access_token"], f"{organization.pool}/subjects/alice"

    def stands() -> bool:
        with organization.universe.caller(token) as caller:
            used = caller.get("/storage/v1/b", params={"project": organization.universe.project})
        refreshed = visitor.refresh(tokens["refresh_token"]).status_code == 200
        assert (used.status_code == 403) == refreshed
        return refreshed

    assert stands()
    for name in (organization.pool, organization.provider):
        organization.change(name, "disabled", {"disabled": True})
        assert not stands()
        organization.change(name, "disabled", {"disabled": False})
        assert stands()
        organization.admin.delete(f"/iam/v1/{name}")
        assert not stands()
        organization.do(name, "undelete")
        assert stands()
    organization.do(subject, "revokeSessions")
    assert not stands()
    _, tokens = organization.signed_in()
    token = tokens["access_token"]
    assert stands()
    organization.admin.delete(f"/iam/v1/{subject}")
    assert not stands()
    page = organization.visitor().sign_in(authorize(organization.provider)[0], "alice")
    assert page.status_code == 403
    organization.do(subject, "undelete")
    assert not stands()
    organization.signed_in()


def test_a_session_is_no_longer_than_its_pool_allows_even_where_that_is_shortened_later(
    organization: Organization,
) -> None:
    organization.change(organization.pool, "sessionDuration", {"sessionDuration": "900s"})
    visitor, tokens = organization.signed_in()
    assert 880 < tokens["expires_in"] <= 900
    session = next(one for one in visitor.cookies.jar if one.name == "__Host-session")
    assert session.secure
    assert session.has_nonstandard_attr("HttpOnly")
    assert session.get_nonstandard_attr("SameSite") == "Lax"


def test_where_programs_may_not_sign_in_no_token_is_sold(organization: Organization) -> None:
    visitor, _ = organization.signed_in()
    url, verifier = authorize(organization.provider)
    page = visitor.get(visitor.get(url).headers["location"])
    code = told(visitor.submit(page, "/confirm", answer="yes"))["code"]
    restricted = {"accessRestrictions": {"disableProgrammaticSignin": True}}
    organization.change(organization.pool, "accessRestrictions", restricted)
    assert visitor.exchange(code, verifier).status_code == 400
    answer = visitor.get(visitor.get(url).headers["location"])
    assert (answer.status_code, "lets nobody" in answer.text) == (403, True)
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": f"//iam.googleapis.com/{organization.provider}",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token": organization.idp.id_token("alice", "rempart"),
        "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    }
    refused = visitor.post(f"{visitor.sts}/token", data=form)
    assert refused.json()["error"] == "unauthorized_client"
    organization.change(organization.pool, "accessRestrictions", {})
    sold = visitor.post(f"{visitor.sts}/token", data=form).json()
    assert organization.whoami(sold["access_token"])["username"] == organization.member("alice")


def test_where_web_sign_in_is_for_other_services_it_is_for_no_page_of_ours(
    organization: Organization,
) -> None:
    def restrict(*domains: str) -> None:
        services = [{"domain": one} for one in domains]
        change = {"accessRestrictions": {"allowedServices": services}}
        organization.change(organization.pool, "accessRestrictions", change)

    def signed_in() -> bool:
        visitor = organization.visitor()
        chosen = visitor.submit(visitor.get("/"), "/provider", provider=organization.provider)
        way = chosen.text.partition('href="https')[2].partition('"')[0].replace("&amp;", "&")
        return "You are signed in" in visitor.sign_in(f"https{way}", "alice").text

    assert signed_in()
    restrict("elsewhere.example.test")
    assert not signed_in()
    organization.signed_in()
    restrict("elsewhere.example.test", f"console.cloud.{organization.universe.domain}")
    assert signed_in()
