"""What Google's audit logs call the methods whose RPC no gRPC table tells.

By the ids of methods. Sources: Google's page of the audited methods of each service ("Cloud Key
Management Service audit logging" and so on), and the catalogue of what they write
(googleapis/google-cloudevents, json/audit). A method that is in neither has its RPC's full name,
where Google publishes that.
"""

from __future__ import annotations

_ADMINISTERED = {
    "create": "Create", "get": "Get", "list": "List", "patch": "Update", "delete": "Delete",
    "undelete": "Undelete",
}  # fmt: skip


def _administered(ids: str, service: str, noun: str, verbs: str) -> dict[str, str]:
    """Return the names of the methods that make, show, list, change and delete something."""
    return {
        f"{ids}.{verb}": f"{service}.{_ADMINISTERED[verb]}{_plural(noun, verb)}"
        for verb in verbs.split()
    }


def _plural(noun: str, verb: str) -> str:
    if verb != "list":
        return noun
    return f"{noun.removesuffix('y')}ies" if noun.endswith("y") else f"{noun}s"


_BUCKETS, _OBJECTS, _FOLDERS = "storage.buckets", "storage.objects", "storage.managedFolders"
_HMAC = "storage.projects.hmacKeys"
_STORAGE = {
    **{f"{_BUCKETS}.{verb}": f"{_BUCKETS}.{verb}" for verb in ("delete", "get", "list", "update")},
    f"{_BUCKETS}.insert": f"{_BUCKETS}.create",
    f"{_BUCKETS}.patch": f"{_BUCKETS}.update",
    f"{_BUCKETS}.getIamPolicy": "storage.getIamPermissions",
    f"{_BUCKETS}.setIamPolicy": "storage.setIamPermissions",
    **{f"{_OBJECTS}.{verb}": f"{_OBJECTS}.{verb}" for verb in ("delete", "get", "list", "update")},
    **{
        f"{_OBJECTS}.{verb}": f"{_OBJECTS}.create"
        for verb in ("insert", "compose", "copy", "rewrite")
    },
    f"{_OBJECTS}.patch": f"{_OBJECTS}.update",
    f"{_FOLDERS}.list": f"{_FOLDERS}.list",
    **{
        f"{_HMAC}.{verb}": f"storage.hmacKeys.{verb}"
        for verb in ("create", "delete", "get", "list", "update")
    },
    "storage.projects.serviceAccount.get": "storage.projects.getOrCreateServiceAccount",
}
"""Cloud Storage has names of its own. Of a copy Google writes two entries; here it is the write."""

_JUSTIFICATIONS = "google.cloud.kms.v1.KeyAccessJustificationsConfig"
_KAJ = "KeyAccessJustifications"
_KMS = {
    "cloudkms.folders.showEffectiveAutokeyConfig": (
        "google.cloud.kms.v1.AutokeyAdmin.ShowEffectiveAutokeyConfig"
    ),
    **{
        f"cloudkms.{above}.{verb}KajPolicyConfig": (
            f"{_JUSTIFICATIONS}.{verb.capitalize()}{_KAJ}PolicyConfig"
        )
        for above in ("projects", "folders", "organizations")
        for verb in ("get", "update")
    },
    **{
        f"cloudkms.projects.showEffective{_KAJ}{what}Config": (
            f"{_JUSTIFICATIONS}.ShowEffective{_KAJ}{what}Config"
        )
        for what in ("Policy", "Enrollment")
    },
}

_OPERATIONS = "google.longrunning.Operations"
_WORKLOADS, _WORKLOAD = "iam.projects.locations.workloadIdentityPools", "WorkloadIdentityPool"
_WORKFORCES, _WORKFORCE = "iam.locations.workforcePools", "WorkforcePool"
_WORKLOAD_RPCS = "google.iam.v1.WorkloadIdentityPools"
_WORKFORCE_RPCS = "google.iam.admin.v1.WorkforcePools"
_ALL = " ".join(_ADMINISTERED)
_IAM = {
    **_administered(_WORKLOADS, _WORKLOAD_RPCS, _WORKLOAD, _ALL),
    **_administered(f"{_WORKLOADS}.providers", _WORKLOAD_RPCS, f"{_WORKLOAD}Provider", _ALL),
    **_administered(_WORKFORCES, _WORKFORCE_RPCS, _WORKFORCE, _ALL),
    **_administered(f"{_WORKFORCES}.providers", _WORKFORCE_RPCS, f"{_WORKFORCE}Provider", _ALL),
    **_administered(
        f"{_WORKFORCES}.subjects", _WORKFORCE_RPCS, f"{_WORKFORCE}Subject", "delete undelete"
    ),
    f"{_WORKFORCES}.getIamPolicy": f"{_WORKFORCE_RPCS}.GetIamPolicy",
    f"{_WORKFORCES}.setIamPolicy": f"{_WORKFORCE_RPCS}.SetIamPolicy",
    **{
        f"{under}.operations.get": f"{_OPERATIONS}.GetOperation"
        for under in (
            *(_WORKLOADS, f"{_WORKLOADS}.providers", _WORKFORCES, f"{_WORKFORCES}.providers"),
            f"{_WORKFORCES}.subjects",
        )
    },
}

_POLICIES = "accesscontextmanager.accessPolicies"
_ACM = "google.identity.accesscontextmanager.v1.AccessContextManager"
_CRUD = "create get list patch delete"
_ACCESS_CONTEXT = {
    **_administered(_POLICIES, _ACM, "AccessPolicy", _CRUD),
    **_administered(f"{_POLICIES}.accessLevels", _ACM, "AccessLevel", _CRUD),
    **_administered(f"{_POLICIES}.servicePerimeters", _ACM, "ServicePerimeter", _CRUD),
    **_administered(f"{_POLICIES}.authorizedOrgsDescs", _ACM, "AuthorizedOrgsDesc", _CRUD),
    **_administered(
        "accesscontextmanager.organizations.gcpUserAccessBindings",
        *(_ACM, "GcpUserAccessBinding", _CRUD),
    ),
    f"{_POLICIES}.accessLevels.replaceAll": f"{_ACM}.ReplaceAccessLevels",
    f"{_POLICIES}.servicePerimeters.replaceAll": f"{_ACM}.ReplaceServicePerimeters",
    f"{_POLICIES}.servicePerimeters.commit": f"{_ACM}.CommitServicePerimeters",
    f"{_POLICIES}.getIamPolicy": f"{_ACM}.GetIamPolicy",
    f"{_POLICIES}.setIamPolicy": f"{_ACM}.SetIamPolicy",
    "accesscontextmanager.operations.get": f"{_OPERATIONS}.GetOperation",
}

_V1, _V2 = "cloudresourcemanager.v1", "cloudresourcemanager.v2"
_RESOURCE_MANAGER = {
    f"{_V1}.projects.create": "CreateProject",
    f"{_V1}.projects.get": "GetProject",
    f"{_V1}.projects.update": "UpdateProject",
    f"{_V1}.projects.delete": "DeleteProject",
    f"{_V1}.projects.undelete": "UndeleteProject",
    f"{_V1}.organizations.get": "GetOrganization",
    f"{_V2}.folders.create": "CreateFolder",
    f"{_V2}.folders.get": "GetFolder",
    f"{_V2}.folders.list": "ListFolders",
    f"{_V2}.folders.patch": "UpdateFolder",
    f"{_V2}.folders.move": "MoveFolder",
    f"{_V2}.folders.delete": "DeleteFolder",
    f"{_V2}.folders.undelete": "UndeleteFolder",
    **{
        f"{noun}.{verb}IamPolicy": f"{verb.capitalize()}IamPolicy"
        for noun in (f"{_V1}.projects", f"{_V1}.organizations", f"{_V2}.folders")
        for verb in ("get", "set")
    },
    **_administered(f"{_V1}.liens", "google.cloud.lien.v1.Liens", "Lien", "create get list delete"),
}
"""The older versions write the RPC alone, which is what guides search for (`SetIamPolicy`)."""

_LOGGING_RPCS = "google.logging.v2.LoggingServiceV2"
_CONTAINERS = ("projects.", "folders.", "organizations.")
_LOGGING = {
    "logging.entries.tail": f"{_LOGGING_RPCS}.TailLogEntries",
    **{
        f"logging.{above}{id_}": name
        for above in _CONTAINERS
        for id_, name in (
            ("sinks.patch", "google.logging.v2.ConfigServiceV2.UpdateSink"),
            ("locations.buckets.views.logs.list", f"{_LOGGING_RPCS}.ListLogs"),
        )
    },
    **{
        f"logging.{above}{id_}": name
        for above in (*_CONTAINERS, "")
        for id_, name in (
            ("locations.get", "google.cloud.location.Locations.GetLocation"),
            ("locations.list", "google.cloud.location.Locations.ListLocations"),
            ("locations.buckets.views.getIamPolicy", "google.iam.v1.IAMPolicy.GetIamPolicy"),
            ("locations.buckets.views.setIamPolicy", "google.iam.v1.IAMPolicy.SetIamPolicy"),
        )
    },
}

_RECOMMENDER = {
    f"recommender.{above}.locations.recommenders.recommendations.{verb}": (
        f"google.cloud.recommender.v1.Recommender.{rpc}"
    )
    for above in ("projects", "folders", "organizations")
    for verb, rpc in (
        ("get", "GetRecommendation"),
        ("list", "ListRecommendations"),
        ("markClaimed", "MarkRecommendationClaimed"),
        ("markDismissed", "MarkRecommendationDismissed"),
        ("markFailed", "MarkRecommendationFailed"),
        ("markSucceeded", "MarkRecommendationSucceeded"),
    )
}

_OTHERS = {
    "policytroubleshooter.v1.iam.troubleshoot": (
        "google.cloud.policytroubleshooter.v1.IamChecker.TroubleshootIamPolicy"
    ),
    "serviceusage.services.generateServiceIdentity": (
        "google.api.serviceusage.v1beta1.ServiceUsage.GenerateServiceIdentity"
    ),
    "serviceusage.operations.cancel": f"{_OPERATIONS}.CancelOperation",
    "serviceusage.operations.delete": f"{_OPERATIONS}.DeleteOperation",
    "serviceusage.operations.list": f"{_OPERATIONS}.ListOperations",
}

NAMES = {
    **_STORAGE, **_KMS, **_IAM, **_ACCESS_CONTEXT, **_RESOURCE_MANAGER, **_LOGGING,
    **_RECOMMENDER, **_OTHERS,
}  # fmt: skip
