"""What Google's audit logs call a method: `storage.objects.create` for `storage.objects.insert`.

Most services write the full name of the RPC, which the gRPC tables know. Some write the RPC alone,
and some methods have names that no table tells (`model/rpcs.py`). A method that has no name of
Google's, because it is ours or because Google tells none, keeps its id.
"""

from __future__ import annotations

from functools import cache

from rempart.services.logging.model.rpcs import NAMES
from rempart.wire.grpc import all_tables

_ADMIN = "google.iam.admin.v1."
_PREFIXES = {
    ("cloudkms", "google.cloud.kms.v1.EkmService"): "",
    ("cloudkms", "google.cloud.kms.v1.KeyManagementService"): "",
    ("cloudkms", "google.iam.v1.IAMPolicy"): "",
    ("cloudkms", "google.longrunning.Operations"): "",
    ("iam", f"{_ADMIN}IAM"): _ADMIN,
    ("iamcredentials", "google.iam.credentials.v1.IAMCredentials"): "",
}
"""What stands before the RPC where it is not the service, by API and service.

Sources: "Cloud Key Management Service audit logging", "Identity and Access Management audit
logging", "Service Account Credentials audit logging".
"""


def name_of(method: str) -> str:
    """Return the name that Google's audit logs have for a method, its id where they have none."""
    return names().get(method, method)


@cache
def names() -> dict[str, str]:
    """Return Google's names by the ids of methods; a few milliseconds at first."""
    derived = {
        binding.id: _derived(table.api, *method.path.split("/"))
        for table in all_tables()
        for method in table.methods
        for binding in method.bindings
    }
    return derived | NAMES


def _derived(api: str, service: str, rpc: str) -> str:
    prefix = _PREFIXES.get((api, service))
    if prefix is None:
        return f"{service}.{rpc}"
    # The one service that writes its acronym in capitals there.
    return prefix + (rpc.replace("Iam", "IAM") if prefix == _ADMIN else rpc)
