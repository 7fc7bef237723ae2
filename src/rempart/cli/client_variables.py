"""The environment under which unmodified Google clients talk to this universe.

Two forms. *By endpoint*: every client is told `https://localhost:PORT`, so that neither root nor
DNS is needed. *By universe domain*: clients build `https://storage.<domain>` themselves, as they do
for any universe; names and port 443 must then lead here.

Which client reads which variable was found out by experiment; docs/operating.md has the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rempart.config import Config

OVERRIDDEN_APIS = (
    "accessapproval",
    "accesscontextmanager",
    "cloudasset",
    "cloudkms",
    "cloudresourcemanager",
    "iam",
    "iamcredentials",
    "kmsinventory",
    "logging",
    "orgpolicy",
    "policytroubleshooter",
    "pubsub",
    "recommender",
    "secretmanager",
    "serviceusage",
    "sts",
)
"""APIs that gcloud reaches under a path prefix of the one port: `/cloudkms/v1/…`."""

API_HOSTS = (
    "storage",
    "oauth2",
    "accessapproval",
    "accesscontextmanager",
    "iam",
    "iamcredentials",
    "sts",
    "cloudasset",
    "cloudresourcemanager",
    "cloudkms",
    "kmsinventory",
    "orgpolicy",
    "policytroubleshooter",
    "recommender",
    "secretmanager",
    "serviceusage",
    "pubsub",
    "logging",
)
HOSTS = (
    *API_HOSTS,
    *(f"{api}.mtls" for api in API_HOSTS),
    *("www", "accounts", "auth.cloud", "sdk.cloud", "docs"),
)
"""Hosts under the domain that clients ask for; without DNS each needs its line in /etc/hosts."""


@dataclass(frozen=True, slots=True)
class ClientFiles:
    """Files that clients are pointed at, all below the data directory."""

    key: Path
    bundle: Path
    gcloud: Path
    boto: Path


def by_endpoint(config: Config, files: ClientFiles, project: str, port: int) -> Mapping[str, str]:
    """Return the variables of the form that needs neither root nor DNS."""
    url = f"https://localhost:{port}"
    return {
        **_common(config, files, project, url),
        # Python's storage client; it asks for credentials as usual, unlike STORAGE_EMULATOR_HOST.
        "API_ENDPOINT_OVERRIDE": url,
        # gcsfs, through fsspec's own configuration.
        "FSSPEC_GCS_ENDPOINT_URL": url,
        "FSSPEC_GS_ENDPOINT_URL": url,
        "RCLONE_GCS_ENDPOINT": f"{url}/storage/v1/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{url}/storage/v1/",
        "CLOUDSDK_STORAGE_GS_XML_ENDPOINT_URL": url,
        **{
            f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api.upper()}": f"{url}/{api}/"
            for api in OVERRIDDEN_APIS
        },
    }


def by_universe(config: Config, files: ClientFiles, project: str) -> Mapping[str, str]:
    """Return the variables of the form in which clients build the host names themselves."""
    url = f"https://storage.{config.domain}"
    return {
        **_common(config, files, project, url),
        "RCLONE_GCS_ENDPOINT": f"{url}/storage/v1/",
        "CLOUDSDK_STORAGE_GS_XML_ENDPOINT_URL": url,
    }


def only_by_endpoint(config: Config, files: ClientFiles) -> list[str]:
    """Return the variables that the universe form must not inherit from the endpoint form."""
    endpoint = by_endpoint(config, files, config.project, 443)
    return sorted(endpoint.keys() - by_universe(config, files, config.project).keys())


def hosts_lines(config: Config, host: str) -> list[str]:
    """Return the lines that /etc/hosts needs where no DNS server knows the domain."""
    return [f"{host} {name}.{config.domain}" for name in HOSTS]


def _common(config: Config, files: ClientFiles, project: str, url: str) -> Mapping[str, str]:
    key, bundle = str(files.key), str(files.bundle)
    return {
        "GOOGLE_APPLICATION_CREDENTIALS": key,
        "GOOGLE_CLOUD_PROJECT": project,
        "GOOGLE_CLOUD_UNIVERSE_DOMAIN": config.domain,
        # No client shall look for the metadata server of somebody else's machine.
        "NO_GCE_CHECK": "true",
        "CLOUDSDK_CONFIG": str(files.gcloud),
        "CLOUDSDK_CORE_PROJECT": project,
        "CLOUDSDK_CORE_UNIVERSE_DOMAIN": config.domain,
        "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": key,
        "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": bundle,
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        # gsutil reads its own file; gcloud's stored credentials would override the key in it.
        "CLOUDSDK_CORE_PASS_CREDENTIALS_TO_GSUTIL": "false",
        "BOTO_CONFIG": str(files.boto),
        "RCLONE_GCS_SERVICE_ACCOUNT_FILE": key,
        "RCLONE_GCS_LOCATION": config.regions[0],
        "RCLONE_GCS_PROJECT_NUMBER": project,
        "REQUESTS_CA_BUNDLE": bundle,
        "CURL_CA_BUNDLE": bundle,
        "SSL_CERT_FILE": bundle,
        "HTTPLIB2_CA_CERTS": bundle,
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": bundle,
        "NODE_EXTRA_CA_CERTS": bundle,
        "REMPART_LOCATION": config.regions[0],
        "REMPART_URL": url,
    }
