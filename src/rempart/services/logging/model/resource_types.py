"""The types of monitored resources in the entries of this universe.

Source: "Monitored resources and services" of Cloud Logging; what only other services write is left
out.
"""

from __future__ import annotations

from rempart.services.logging.kinds import Json


def _type(name: str, title: str, *labels: str) -> Json:
    return {
        "name": f"monitoredResourceDescriptors/{name}",
        "type": name,
        "displayName": title,
        "labels": [{"key": label} for label in labels],
    }


DESCRIPTORS = (
    _type("audited_resource", "Audited Resource", "project_id", "service", "method"),
    _type(
        "cloudkms_cryptokey",
        "Cloud KMS CryptoKey",
        *("project_id", "location", "key_ring_id", "crypto_key_id"),
    ),
    _type(
        "cloudkms_cryptokeyversion",
        "Cloud KMS CryptoKeyVersion",
        *("project_id", "location", "key_ring_id", "crypto_key_id", "crypto_key_version_id"),
    ),
    _type("cloudkms_keyring", "Cloud KMS Key Ring", "project_id", "key_ring_id", "location"),
    _type("folder", "Folder", "folder_id"),
    _type("gcs_bucket", "GCS Bucket", "project_id", "bucket_name", "location"),
    _type("global", "Global", "project_id"),
    _type("iam_role", "IAM Role", "project_id", "role_name"),
    _type("logging_sink", "Logging Sink", "project_id", "name", "destination"),
    _type("organization", "Organization", "organization_id"),
    _type("project", "Project", "project_id"),
    _type("service_account", "Service Account", "project_id", "email_id", "unique_id"),
)
