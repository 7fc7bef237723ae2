"""What Google calls its APIs: the product titles, and the name by which a project knows an API."""

from __future__ import annotations

_SUFFIX = ".googleapis.com"
_TITLES = {
    "accessapproval": "Access Approval API",
    "accesscontextmanager": "Access Context Manager API",
    "cloudasset": "Cloud Asset API",
    "cloudkms": "Cloud Key Management Service (KMS) API",
    "cloudresourcemanager": "Cloud Resource Manager API",
    "iam": "Identity and Access Management (IAM) API",
    "iamcredentials": "IAM Service Account Credentials API",
    "logging": "Cloud Logging API",
    "kmsinventory": "KMS Inventory API",
    "orgpolicy": "Organization Policy API",
    "policytroubleshooter": "Policy Troubleshooter API",
    "pubsub": "Cloud Pub/Sub API",
    "recommender": "Recommender API",
    "secretmanager": "Secret Manager API",
    "serviceusage": "Service Usage API",
    "storage": "Cloud Storage API",
    "sts": "Security Token Service API",
}


def title(api: str) -> str:
    """Return the title of an API: `Cloud Storage API` for `storage`."""
    return _TITLES.get(api, f"{api} API")


def service_name(api: str) -> str:
    """Return the name that a project knows an API by, which is Google's in every universe."""
    return api + _SUFFIX


def api_of(service: str) -> str:
    """Return the API of a service's name, empty where it is no such name."""
    return service.removesuffix(_SUFFIX) if service.endswith(_SUFFIX) else ""
