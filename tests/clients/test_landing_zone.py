"""A customer's organization, set up by the APIs alone; then who may what in it, and who not.

The steps are in `tests/support/landing_zone.py`. The universe is this file's own: what is set here
binds everybody in it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from google.api_core.exceptions import Forbidden
from google.auth import identity_pool
from google.auth.exceptions import OAuthError
from google.auth.transport.requests import Request
from google.cloud import storage
from google.oauth2.credentials import Credentials

from support import landing_zone
from support.landing_zone import LandingZone
from support.oidc_provider import CLIENT, REDIRECT
from support.rest import Caller
from support.universe import CLOUD_PLATFORM, NEIGHBOUR, Universe
from support.workforce import Organization, provider

# The library leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
V3 = "cloudresourcemanager/v3"


@pytest.fixture(scope="module")
def zone(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[LandingZone]:
    universe = Universe.create(tmp_path_factory.mktemp("zone") / "data")
    people: dict[str, Any] = {"accounts": landing_zone.PEOPLE, "clients": {CLIENT: (REDIRECT,)}}
    folder = tmp_path_factory.mktemp("idp")
    with ExitStack() as opened:
        opened.callback(universe.terminate)
        idp = opened.enter_context(provider(universe, folder, pytestconfig, **people))
        admin = opened.enter_context(universe.caller(universe.token()))
        corp = Organization.founded(admin, universe, idp)
        opened.callback(corp.close)
        made = LandingZone.built(universe, corp)
        opened.callback(made.close)
        with pytest.MonkeyPatch.context() as shell:
            shell.setenv("REQUESTS_CA_BUNDLE", universe.env["REQUESTS_CA_BUNDLE"])
            yield made


def project_of(zone: LandingZone, name: str) -> str:
    return f"{V3}/projects/{zone.projects[name]}"


def test_a_group_sees_its_folder_and_no_other(zone: LandingZone) -> None:
    noor, sam = zone.person("noor"), zone.person("sam")
    assert noor.may("GET", project_of(zone, "networking"))
    assert not noor.may("GET", project_of(zone, "security"))
    assert sam.may("GET", project_of(zone, "security"))
    for nobody in (noor, sam):
        assert not nobody.may("GET", f"storage/v1/b/{zone.state}/o")
        body: Any = {"policy": {"bindings": []}}
        assert not nobody.may("POST", f"{V3}/{zone.organization}:setIamPolicy", body)
    found = noor.ask("GET", f"{V3}/projects:search")["projects"]
    assert {one["projectId"] for one in found} == {zone.projects["networking"]}


def test_a_group_changes_its_folder_as_its_robot_and_as_no_other(zone: LandingZone) -> None:
    noor, networking = zone.person("noor"), zone.folders["Networking"]
    body = {"projectId": f"net-{uuid.uuid4().hex[:8]}", "parent": networking}
    assert not noor.may("POST", f"{V3}/projects", body), "people see, robots change"
    robot = zone.acting(noor, "net-rw")
    assert robot.may("POST", f"{V3}/projects", body)
    elsewhere = body | {"parent": zone.folders["Security"]}
    assert not robot.may("POST", f"{V3}/projects", elsewhere)
    token = {"scope": [CLOUD_PLATFORM]}
    for other in ("org-rw", "sec-rw", "cicd-rw"):
        assert not noor.may("POST", zone.token_of(other), token)
        assert not robot.may("POST", zone.token_of(other), token)


def test_each_robot_keeps_its_own_state(zone: LandingZone) -> None:
    """By Google's Python library: one bucket, a managed folder for each stage."""
    robot = zone.acting(zone.person("noor"), "net-rw")
    credentials = Credentials(robot.token, universe_domain=zone.universe.domain)  # type: ignore[no-untyped-call]  # Google's is untyped
    options = {"api_endpoint": zone.universe.url, "universe_domain": zone.universe.domain}
    client = storage.Client(zone.projects["iac"], credentials, client_options=options)
    bucket = client.bucket(zone.state)
    bucket.blob("net-rw/default.tfstate").upload_from_string(b"{}", timeout=20)
    assert bucket.blob("net-rw/default.tfstate").download_as_bytes() == b"{}"
    for name in ("sec-rw/default.tfstate", "default.tfstate"):
        with pytest.raises(Forbidden):
            bucket.blob(name).upload_from_string(b"{}", timeout=20)
    client.close()
    path = f"storage/v1/b/{zone.state}/o/net-rw%2Fdefault.tfstate"
    assert zone.admin.ask("GET", path)["kmsKeyName"].startswith(zone.key)


def test_the_project_factory_sets_policies_where_its_tag_is(zone: LandingZone) -> None:
    factory = zone.acting(zone.person("tess"), "pf-rw")
    constraint, rule = "storage.softDeletePolicySeconds", {"values": {"allowedValues": ["604800"]}}
    for project, may in (("a", True), ("networking", False)):
        on = f"projects/{zone.projects[project]}"
        body = {"name": f"{on}/policies/{constraint}", "spec": {"rules": [rule]}}
        assert factory.may("POST", f"orgpolicy/v2/{on}/policies", body) is may
    # Nor does it bring the tag there: that takes the right to use the value, and to tag.
    full = f"{landing_zone.MANAGER}/{zone.number('networking')}"
    body = {"parent": full, "tagValue": zone.tags["context/project-factory"]}
    assert not factory.may("POST", f"{V3}/tagBindings", body)


def test_the_baseline_is_every_projects(zone: LandingZone) -> None:
    on = f"projects/{zone.projects['a']}"
    for name, rule in zone.baseline():
        path = f"orgpolicy/v2/{on}/policies/{name}:getEffectivePolicy"
        [shown] = zone.admin.ask("GET", path)["spec"]["rules"]
        assert shown.keys() == rule.keys(), name


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"location": "global"}, "location"),
        ({"encryption": {}}, "gcp.restrictNonCmekServices"),
        ({"iamConfiguration": {}}, "storage.uniformBucketLevelAccess"),
    ],
)
def test_a_bucket_that_the_baseline_forbids_is_made_by_nobody(
    zone: LandingZone, changes: dict[str, Any], constraint: str
) -> None:
    """Not even by the organization's administrators, who own everything in it."""
    asked = {"project": zone.projects["iac"]}
    name = f"zone-{uuid.uuid4().hex[:12]}"
    told = zone.admin.refused("POST", "storage/v1/b", zone.bucket(name, **changes), **asked)
    assert constraint in told
    zone.admin.ask("POST", "storage/v1/b", zone.bucket(name), **asked)


def test_no_key_of_a_project_outside_security_protects_a_bucket(zone: LandingZone) -> None:
    place = f"projects/{zone.projects['iac']}/locations/{zone.universe.location}"
    zone.admin.ask("POST", f"cloudkms/v1/{place}/keyRings", {}, keyRingId="own")
    keys, made = f"cloudkms/v1/{place}/keyRings/own/cryptoKeys", {"purpose": "ENCRYPT_DECRYPT"}
    key = zone.admin.ask("POST", keys, made, cryptoKeyId="k")["name"]
    bucket = zone.bucket(f"zone-{uuid.uuid4().hex[:12]}", encryption={"defaultKmsKeyName": key})
    told = zone.admin.refused("POST", "storage/v1/b", bucket, project=zone.projects["iac"])
    assert "gcp.restrictCmekCryptoKeyProjects" in told


def test_nobody_makes_what_opens_a_door_for_ever(zone: LandingZone) -> None:
    admin, robot = zone.admin, zone.account("net-rw")
    assert "not allowed" in admin.refused("POST", f"{robot}/keys", {})
    hmac = f"storage/v1/projects/{zone.projects['iac']}/hmacKeys"
    told = admin.refused("POST", hmac, serviceAccountEmail=zone.accounts["net-rw"])
    assert "constraints/iam.disableServiceAccountKeyCreation" in told
    attacker = zone.provider("https://idp.attacker.example")
    path = f"iam/v1/{zone.pool}/providers"
    told = admin.refused("POST", path, attacker, workloadIdentityPoolProviderId="theirs")
    assert "iam.workloadIdentityPoolProviders" in told
    for member in ("allUsers", "user:somebody@elsewhere.example"):
        given = {"bindings": [{"role": "roles/storage.objectViewer", "members": [member]}]}
        admin.refused("PUT", f"storage/v1/b/{zone.state}/iam", given)


def test_what_the_baseline_of_google_has_besides_is_refused_by_its_name(zone: LandingZone) -> None:
    for name in landing_zone.NOT_ANSWERED:
        body = {
            "name": f"{zone.organization}/policies/{name}",
            "spec": {"rules": [{"enforce": True}]},
        }
        told = zone.admin.refused("POST", f"orgpolicy/v2/{zone.organization}/policies", body)
        assert name in told


def test_the_project_factory_gives_the_roles_that_it_may_give_and_no_other(
    zone: LandingZone,
) -> None:
    project, member = project_of(zone, "networking"), zone.robot("pf-rw")
    condition = {"title": "delegated", "expression": landing_zone.DELEGATED}
    zone.admin.grant(
        project, ("roles/resourcemanager.projectIamAdmin", member), condition=condition
    )
    factory = zone.acting(zone.person("tess"), "pf-rw")
    factory.grant(project, ("roles/storage.objectViewer", member))
    policy = factory.policy(project)
    policy["bindings"].append({"role": "roles/owner", "members": [member]})
    told = factory.refused("POST", f"{project}:setIamPolicy", {"policy": policy})
    assert "resourcemanager.projects.setIamPolicy" in told


def test_projects_stay_where_they_are_unless_an_administrator_moves_them(
    zone: LandingZone,
) -> None:
    """The robot owns both ends, by the roles it has; the deny policy comes first."""
    robot = zone.acting(zone.person("noor"), "net-rw")
    project = project_of(zone, "networking")
    inner = {"displayName": "Inner", "parent": zone.folders["Networking"]}
    inner_folder = robot.ask("POST", f"{V3}/folders", inner)["name"]
    body = {"destinationParent": inner_folder}
    assert not robot.may("POST", f"{project}:move", body)
    old = {"projectId": zone.projects["networking"], "name": "networking"}
    parent = {"type": "folder", "id": inner_folder.partition("/")[2]}
    by_v1 = f"cloudresourcemanager/v1/projects/{zone.projects['networking']}"
    assert not robot.may("PUT", by_v1, old | {"parent": parent})
    assert not robot.may("DELETE", project)
    zone.admin.ask("POST", f"{project}:move", body)
    zone.admin.ask("POST", f"{project}:move", {"destinationParent": zone.folders["Networking"]})


def test_the_perimeter_is_only_watched(zone: LandingZone) -> None:
    assert zone.admin.may("GET", f"storage/v1/b/{zone.state}/o")
    assert zone.perimeter in zone.universe.log()


def test_ci_becomes_automation_by_way_of_its_own_account(zone: LandingZone) -> None:
    """By Google's library: the provider's token, the pool, the account, and the one behind it."""
    url, iam = zone.universe.url, zone.token_of("cicd-rw")
    from_info: Any = identity_pool.Credentials.from_info

    def become(who: str) -> Any:
        token = zone.corp.idp.id_token(who)
        (zone.universe.data.parent / "token").write_text(token)
        content = {
            "type": "external_account",
            "audience": f"//iam.googleapis.com/{zone.pool}/providers/corp",
            "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
            "token_url": f"{url}/sts/v1/token",
            "service_account_impersonation_url": f"{url}/{iam}",
            "credential_source": {"file": str(zone.universe.data.parent / "token")},
            "universe_domain": zone.universe.domain,
        }
        credentials = from_info(content, scopes=[CLOUD_PLATFORM])
        credentials.refresh(Request())
        return zone.bearer(credentials.token)

    automation = zone.acting(become("ada"), "org-rw")
    assert automation.may("GET", f"storage/v1/b/{zone.state}/o")
    with pytest.raises(OAuthError, match="condition"):
        become("noor")


def test_the_first_administrator_is_nobody_now(zone: LandingZone) -> None:
    for path in (
        f"{V3}/{zone.organization}",
        project_of(zone, "iac"),
        f"storage/v1/b/{zone.state}",
    ):
        assert not zone.first.may("GET", path)
    neighbour = zone.universe.keys[NEIGHBOUR]
    with zone.universe.caller(zone.universe.token(neighbour)) as http:
        assert not Caller(http).may("GET", f"{V3}/{zone.organization}")
