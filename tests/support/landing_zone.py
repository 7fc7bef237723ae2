"""An organization set up by its customer, from a fresh universe to work in it, by the APIs alone.

What is set up, and in which order, follows Google's landing zone for dedicated universes (Fabric
FAST, its stage 0, and the heads of the stages for security, networking and teams). Read it top
down: `LandingZone.built` is the list of steps, and each step says what it is for.

What that landing zone has and this universe does not answer: log sinks and buckets, essential
contacts, billing, networks, and the constraints in `NOT_ANSWERED`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from support.rest import Caller, Json
from support.universe import Universe
from support.workforce import Organization

ADMINS, NETWORK, SECURITY, TEAM = "org-admins", "net-admins", "sec-admins", "team-a"
PEOPLE = {
    name: {"name": name.title(), "email": f"{name}@corp.example.test", "groups": [group]}
    for name, group in (("ada", ADMINS), ("noor", NETWORK), ("sam", SECURITY), ("tess", TEAM))
}
"""One person of each group, as the organization's own identity provider knows them."""

CONTEXTS, ENVIRONMENTS = ("project-factory", "networking", "security"), ("production", "testing")
MANAGER = "//cloudresourcemanager.googleapis.com"

USED = ("storage.googleapis.com", "cloudkms.googleapis.com")
ENFORCED = (
    "iam.automaticIamGrantsForDefaultServiceAccounts",
    "iam.disableServiceAccountKeyCreation",
    "iam.disableServiceAccountKeyUpload",
    "storage.publicAccessPrevention",
    "storage.secureHttpTransport",
    "storage.uniformBucketLevelAccess",
)
NOT_ANSWERED = (
    "compute.disableSerialPortAccess",
    "compute.requireOsLogin",
    "compute.trustedImageProjects",
    "compute.vmExternalIpAccess",
    "essentialcontacts.allowedContactDomains",
    "gcp.restrictTLSCipherSuites",
    "iam.disableAuditLoggingExemption",
    "iam.serviceAccountKeyExposureResponse",
    "sql.restrictAuthorizedNetworks",
    "sql.restrictPublicIp",
)
"""Constraints of the baseline that are refused by name: what they judge does not exist here."""

DELEGATED = (
    "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', [])"
    ".hasOnly(['roles/storage.objectViewer'])"
)
"""The condition by which Google's landing zone lets a project factory give some roles."""


def allowed(*values: str) -> Json:
    return {"values": {"allowedValues": list(values)}}


def denied(*values: str) -> Json:
    return {"values": {"deniedValues": list(values)}}


@dataclass
class LandingZone:
    """The organization as it grows; names of what was made are kept by the words of the steps."""

    universe: Universe
    corp: Organization
    first: Caller
    """The first administrator, whom the operator made; at the end it has no rights any more."""
    folders: dict[str, str] = field(default_factory=dict)
    projects: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    key = pool = state = perimeter = ""
    callers: list[Caller] = field(default_factory=list)
    _people: dict[str, Caller] = field(default_factory=dict)

    @classmethod
    def built(cls, universe: Universe, corp: Organization) -> LandingZone:
        """Set up the organization, step by step."""
        zone = cls(universe, corp, Caller(corp.admin))
        zone.let_admins_in()
        zone.make_folders()
        zone.make_projects()
        zone.make_roles()
        zone.make_tags()
        zone.make_robots()
        zone.share_work()
        zone.keep_state_under_own_key()
        zone.trust_ci()
        zone.lay_baseline()
        zone.draw_perimeter()
        zone.deny_what_nobody_needs()
        zone.retire_first_administrator()
        return zone

    # Who is who.

    @cached_property
    def organization(self) -> str:
        return self.universe.above["organizations"]

    @property
    def admin(self) -> Caller:
        """The organization's own administrator, once there is one."""
        return self.person("ada")

    def person(self, name: str) -> Caller:
        """Sign somebody in at the provider, once, and return who calls."""
        if name not in self._people:
            _, tokens = self.corp.signed_in(name)
            self._people[name] = self.bearer(tokens["access_token"])
        return self._people[name]

    def bearer(self, token: str) -> Caller:
        made = Caller(self.universe.caller(token), token)
        self.callers.append(made)
        return made

    def close(self) -> None:
        """End every connection."""
        for one in self.callers:
            one.http.close()

    def group(self, name: str) -> str:
        return f"principalSet://iam.googleapis.com/{self.corp.pool}/group/{name}"

    def robot(self, name: str) -> str:
        return f"serviceAccount:{self.accounts[name]}"

    def account(self, name: str) -> str:
        return f"iam/v1/projects/{self.projects['iac']}/serviceAccounts/{self.accounts[name]}"

    def acting(self, by: Caller, name: str, *through: str) -> Caller:
        """Return an account as somebody acts for it, by way of others where they are named."""
        chain = [f"projects/-/serviceAccounts/{self.accounts[one]}" for one in through]
        scope = ["https://www.googleapis.com/auth/cloud-platform"]
        bought = by.ask("POST", self.token_of(name), {"scope": scope, "delegates": chain})
        return self.bearer(bought["accessToken"])

    def token_of(self, name: str) -> str:
        email = self.accounts[name]
        return f"iamcredentials/v1/projects/-/serviceAccounts/{email}:generateAccessToken"

    # The steps.

    def let_admins_in(self) -> None:
        """Give the organization to a group of its own people, who sign in from here on."""
        roles = (
            *(f"resourcemanager.{one}" for one in ("organizationAdmin", "folderAdmin")),
            *(f"resourcemanager.{one}" for one in ("projectCreator", "projectDeleter", "tagAdmin")),
            *("resourcemanager.tagUser", "orgpolicy.policyAdmin", "owner"),
            *("accesscontextmanager.policyAdmin", "iam.denyAdmin", "iam.organizationRoleAdmin"),
            *("iam.workforcePoolAdmin", "iam.workloadIdentityPoolAdmin"),
            *("iam.serviceAccountTokenCreator", "storage.admin"),
        )
        group = self.group(ADMINS)
        top = f"cloudresourcemanager/v3/{self.organization}"
        self.first.grant(top, *((f"roles/{one}", group) for one in roles))
        logged = [{"service": "sts.googleapis.com", "auditLogConfigs": [{"logType": "ADMIN_READ"}]}]
        self.admin.set_iam(top, self.admin.policy(top) | {"auditConfigs": logged})

    def make_folders(self) -> None:
        for name, above in (("Networking", ""), ("Security", ""), ("Teams", ""), ("A", "Teams")):
            parent = self.folders.get(above, self.organization)
            body = {"displayName": name, "parent": parent}
            made = self.admin.ask("POST", "cloudresourcemanager/v3/folders", body)
            self.folders[name] = made["name"]

    def make_projects(self) -> None:
        """Make the projects of automation and of logs, and one in each folder."""
        for name, parent in (
            ("iac", ""),
            ("log", ""),
            *((one.lower(), one) for one in self.folders),
        ):
            self.new_project(self.admin, name, self.folders.get(parent, self.organization))
        wanted = ["cloudkms", "iam", "iamcredentials", "orgpolicy", "storage", "sts"]
        services = {"serviceIds": [f"{one}.googleapis.com" for one in wanted]}
        path = f"serviceusage/v1/projects/{self.projects['iac']}/services:batchEnable"
        self.admin.ask("POST", path, services)

    def new_project(self, by: Caller, name: str, parent: str) -> str:
        body = {"projectId": f"prod-{name}-core-0", "parent": parent}
        made = by.ask("POST", "cloudresourcemanager/v3/projects", body)
        self.projects[name] = made["projectId"]
        return str(made["projectId"])

    def make_roles(self) -> None:
        """Make the roles that Google's are too wide for."""
        seen = (
            "buckets.get",
            "buckets.getIamPolicy",
            "buckets.list",
            "objects.get",
            "objects.list",
        )
        for id_, permissions in (
            ("storageViewer", [f"storage.{one}" for one in seen]),
            ("tagViewer", [f"resourcemanager.tag{one}.list" for one in ("Keys", "Values")]),
        ):
            body = {"roleId": id_, "role": {"title": id_, "includedPermissions": permissions}}
            made = self.admin.ask("POST", f"iam/v1/{self.organization}/roles", body)
            self.roles[id_] = made["name"]

    def make_tags(self) -> None:
        """Make the keys that conditions read, and mark the folder of the teams."""
        for key, values in (("context", CONTEXTS), ("environment", ENVIRONMENTS)):
            body = {"parent": self.organization, "shortName": key}
            name = self.admin.ask("POST", "cloudresourcemanager/v3/tagKeys", body)["name"]
            for value in values:
                body = {"parent": name, "shortName": value}
                made = self.admin.ask("POST", "cloudresourcemanager/v3/tagValues", body)
                self.tags[f"{key}/{value}"] = made["name"]
        marked = f"{MANAGER}/{self.folders['Teams']}"
        body = {"parent": marked, "tagValue": self.tags["context/project-factory"]}
        self.admin.ask("POST", "cloudresourcemanager/v3/tagBindings", body)

    def make_robots(self) -> None:
        """Make the accounts that automation runs as; nobody has a key of one."""
        for name in ("org-rw", "org-ro", "net-rw", "sec-rw", "pf-rw", "cicd-rw"):
            path = f"iam/v1/projects/{self.projects['iac']}/serviceAccounts"
            made = self.admin.ask("POST", path, {"accountId": f"iac-{name}"})
            self.accounts[name] = made["email"]
        creator = "roles/iam.serviceAccountTokenCreator"
        for name, group in (("net-rw", NETWORK), ("sec-rw", SECURITY), ("pf-rw", TEAM)):
            self.admin.grant(self.account(name), (creator, self.group(group)))
        self.admin.grant(self.account("org-rw"), (creator, self.robot("cicd-rw")))

    def share_work(self) -> None:
        """Give each robot its folder, each group its view, and the factory what its tag marks."""
        top = f"cloudresourcemanager/v3/{self.organization}"
        manager = [f"roles/resourcemanager.{one}" for one in ("folderAdmin", "projectCreator")]
        wide = ["roles/orgpolicy.policyAdmin", "roles/resourcemanager.organizationAdmin", *manager]
        self.admin.grant(top, *((role, self.robot("org-rw")) for role in wide))
        self.admin.grant(
            top,
            *((role, self.robot("org-ro")) for role in self.roles.values()),
            *(("roles/resourcemanager.organizationViewer", self.group(one))
              for one in (NETWORK, SECURITY, TEAM)),
        )  # fmt: skip
        for folder, robot, group in (
            ("Networking", "net-rw", NETWORK),
            ("Security", "sec-rw", SECURITY),
            ("Teams", "pf-rw", TEAM),
        ):
            path = f"cloudresourcemanager/v3/{self.folders[folder]}"
            given = [(role, self.robot(robot)) for role in ("roles/owner", *manager)]
            self.admin.grant(path, *given, ("roles/viewer", self.group(group)))
        tagged = (
            f"resource.matchTag('{self.organization.partition('/')[2]}/context', 'project-factory')"
        )
        self.admin.grant(
            top,
            ("roles/orgpolicy.policyAdmin", self.robot("pf-rw")),
            condition={"title": "Project factory", "expression": tagged},
        )

    def keep_state_under_own_key(self) -> None:
        """Make the bucket of automation's state, under a key of the security project."""
        place = f"projects/{self.projects['security']}/locations/{self.universe.location}"
        self.admin.ask("POST", f"cloudkms/v1/{place}/keyRings", {}, keyRingId="state")
        keys = f"{place}/keyRings/state/cryptoKeys"
        made = {"purpose": "ENCRYPT_DECRYPT"}
        self.key = self.admin.ask("POST", f"cloudkms/v1/{keys}", made, cryptoKeyId="iac")["name"]
        found = self.admin.ask("GET", f"storage/v1/projects/{self.projects['iac']}/serviceAccount")
        agent = f"serviceAccount:{found['email_address']}"
        user = ("roles/cloudkms.cryptoKeyEncrypterDecrypter", agent)
        self.admin.grant(f"cloudkms/v1/{self.key}", user)
        self.state = "prod-iac-core-0-state"
        self.admin.ask(
            "POST", "storage/v1/b", self.bucket(self.state), project=self.projects["iac"]
        )
        owner = ("roles/storage.admin", self.robot("org-rw"))
        self.admin.grant(f"storage/v1/b/{self.state}", owner)
        for robot in ("net-rw", "sec-rw"):
            folder = {"name": f"{robot}/"}
            self.admin.ask("POST", f"storage/v1/b/{self.state}/managedFolders", folder)
            path = f"storage/v1/b/{self.state}/managedFolders/{robot}%2F"
            self.admin.grant(path, ("roles/storage.objectAdmin", self.robot(robot)))

    def bucket(self, name: str, **changes: Any) -> Json:
        """Return a bucket as the baseline wants it."""
        uniform = {"uniformBucketLevelAccess": {"enabled": True}}
        return {
            "name": name,
            "location": self.universe.location,
            "versioning": {"enabled": True},
            "iamConfiguration": uniform,
            "encryption": {"defaultKmsKeyName": self.key},
        } | changes

    def trust_ci(self) -> None:
        """Believe the continuous integration of one branch, which then acts as two robots."""
        parent = f"iam/v1/projects/{self.projects['iac']}/locations/global/workloadIdentityPools"
        self.pool = self.admin.ask("POST", parent, {}, workloadIdentityPoolId="cicd")["name"]
        path = f"iam/v1/{self.pool}/providers"
        self.admin.ask("POST", path, self.provider(), workloadIdentityPoolProviderId="corp")
        member = f"principal://iam.googleapis.com/{self.pool}/subject/ada"
        self.admin.grant(self.account("cicd-rw"), ("roles/iam.workloadIdentityUser", member))

    def provider(self, issuer: str = "") -> Json:
        oidc = {"issuerUri": issuer or self.corp.idp.issuer, "allowedAudiences": ["workload"]}
        mapping = {"google.subject": "assertion.sub"}
        return {"oidc": oidc, "attributeMapping": mapping,
                "attributeCondition": f"'{ADMINS}' in assertion.groups"}  # fmt: skip

    def baseline(self) -> Iterator[tuple[str, Json]]:
        """Yield the organization's policies: the name of the constraint, and its only rule."""
        for name, values in (
            ("gcp.resourceLocations", allowed(f"in:{self.universe.location}-locations")),
            ("gcp.restrictNonCmekServices", denied("storage.googleapis.com")),
            ("gcp.restrictCmekCryptoKeyProjects", allowed(f"under:{self.folders['Security']}")),
            ("gcp.restrictServiceUsage", allowed(*USED)),
            ("gcp.restrictTLSVersion", denied("TLS_VERSION_1", "TLS_VERSION_1_1")),
            ("iam.allowedPolicyMemberDomains",
             allowed(f"is:principalSet://iam.googleapis.com/{self.organization}")),
            ("iam.workloadIdentityPoolProviders", allowed(self.corp.idp.issuer)),
            ("storage.restrictAuthTypes", denied("in:ALL_HMAC_SIGNED_REQUESTS")),
        ):  # fmt: skip
            yield name, values
        yield "iam.workloadIdentityPoolAwsAccounts", {"denyAll": True}
        for name in ENFORCED:
            yield name, {"enforce": True}

    def lay_baseline(self) -> None:
        """Set the organization's policies: last, so that nothing above has to be exempt."""
        for name, rule in self.baseline():
            self.set_policy(self.admin, self.organization, name, rule)

    def set_policy(self, by: Caller, on: str, constraint: str, rule: Json) -> None:
        body = {"name": f"{on}/policies/{constraint}", "spec": {"rules": [rule]}}
        by.ask("POST", f"orgpolicy/v2/{on}/policies", body)

    def draw_perimeter(self) -> None:
        """Draw a perimeter around the core projects, and only watch it at first."""
        body: Json = {"parent": self.organization, "title": "corp"}
        policy = self.admin.ask("POST", "accesscontextmanager/v1/accessPolicies", body)["name"]
        level: Json = {"name": f"{policy}/accessLevels/office", "title": "office",
                 "basic": {"conditions": [{"ipSubnetworks": ["203.0.113.0/24"]}]}}  # fmt: skip
        self.admin.ask("POST", f"accesscontextmanager/v1/{policy}/accessLevels", level)
        core = [self.number(one) for one in ("iac", "log", "security")]
        inside: Json = {"resources": core, "restrictedServices": ["storage.googleapis.com"],
                  "accessLevels": [level["name"]]}  # fmt: skip
        self.perimeter = f"{policy}/servicePerimeters/core"
        body = {"name": self.perimeter, "title": "core", "spec": inside,
                "useExplicitDryRunSpec": True}  # fmt: skip
        self.admin.ask("POST", f"accesscontextmanager/v1/{policy}/servicePerimeters", body)

    def number(self, project: str) -> str:
        path = f"cloudresourcemanager/v3/projects/{self.projects[project]}"
        return str(self.admin.ask("GET", path)["name"])

    def deny_what_nobody_needs(self) -> None:
        """Deny the deletion of projects and the moving of them to all but the administrators."""
        deleted = ("projects.delete", "projects.move")
        rule = {
            "deniedPrincipals": ["principalSet://goog/public:all"],
            "exceptionPrincipals": [self.group(ADMINS)],
            "deniedPermissions": [f"cloudresourcemanager.googleapis.com/{one}" for one in deleted],
        }
        at = f"cloudresourcemanager.googleapis.com%2F{self.organization.replace('/', '%2F')}"
        body = {"displayName": "Projects stay", "rules": [{"denyRule": rule}]}
        self.admin.ask("POST", f"iam/v2/policies/{at}/denypolicies", body, policyId="stay")

    def retire_first_administrator(self) -> None:
        """Take every role from the account that the universe began with."""
        member = f"serviceAccount:{self.universe.admin_key['client_email']}"
        project = f"projects/{self.universe.project}"
        for resource in (self.organization, self.universe.above["folders"], project):
            path = f"cloudresourcemanager/v3/{resource}"
            policy = self.admin.policy(path)
            for binding in policy.get("bindings", ()):
                binding["members"] = [one for one in binding["members"] if one != member]
            kept = [one for one in policy.get("bindings", ()) if one["members"]]
            self.admin.set_iam(path, policy | {"bindings": kept})
