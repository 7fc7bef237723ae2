"""Constraints on every service: where resources lie, under whose keys, which services may be used.

Sources: Google's list of organization policy constraints; "CMEK organization policies";
"Restricting resource locations"; "Restricting resource usage"; "Restrict TLS versions".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rempart.core.errors import ErrorInfo
from rempart.core.proposal import Change, Proposal
from rempart.trust.policy.guard import Asked
from rempart.trust.policy.organization.constraint import Constraint, Meaning, Regions, Shape, Told

LOCATIONS = "-locations"
UNDER_KEYS = frozenset(("storage.googleapis.com",))
"""Services whose resources can be put under a customer's key."""

ALWAYS_USABLE = frozenset(
    f"{name}.googleapis.com"
    for name in (
        "accesscontextmanager",
        "cloudresourcemanager",
        "iam",
        "iamcredentials",
        "oauth2",
        "orgpolicy",
        "policytroubleshooter",
        "serviceusage",
        "sts",
    )
)
"""Services that cannot be restricted: without them nobody could lift a restriction."""

REFUSED_TLS = frozenset(("TLS_VERSION_1", "TLS_VERSION_1_1"))
"""Versions that no door of a universe speaks; the others cannot be told apart behind the door."""

_CONTAINER = re.compile(r"(?:projects|folders|organizations)/[^/\x00]{1,300}")
_SERVICE = re.compile(r"[a-z][a-z0-9-]*\.googleapis\.com")


def is_container(text: str, _: Regions = ()) -> bool:
    """Tell whether a text names a project, folder or organization."""
    return _CONTAINER.fullmatch(text) is not None


def _location(proposal: Proposal) -> Sequence[str]:
    creates = proposal.change is Change.CREATE and proposal.location
    return (proposal.location,) if creates else ()


def _in_group(group: str, value: str) -> bool:
    """Tell whether a region is in `REGION-locations`, or in that of the first words of its name."""
    stem = group.removesuffix(LOCATIONS)
    return group.endswith(LOCATIONS) and (value == stem or value.startswith(f"{stem}-"))


def _is_group(group: str, regions: Regions) -> bool:
    return any(_in_group(group, region) for region in regions)


def _misplaced(proposal: Proposal, value: str) -> Told:
    message = (
        f"Location '{value}' violates constraint 'constraints/gcp.resourceLocations' on the"
        f" resource '{proposal.container}/locations/{value}'."
    )
    metadata = (("resource", proposal.container), ("location", f"locations/{value}"))
    info = ErrorInfo("LOCATION_ORG_POLICY_VIOLATED", metadata=metadata)
    return Told(message, message, info)


def service_of(proposal: Proposal) -> str:
    """Return the service that a proposed resource is of: `storage.googleapis.com`."""
    return proposal.type.partition("/")[0]


def _keyless(proposal: Proposal) -> Sequence[str]:
    """Return the service of a resource that would be under no customer's key."""
    if proposal.kms_key != "" or proposal.change is Change.DELETE:
        return ()
    had = proposal.before.get("kmsKeyName", "")
    kept = proposal.change is Change.UPDATE and had == ""
    return () if kept else (service_of(proposal),)


def _without_key(proposal: Proposal, _: str) -> Told:
    message = (
        f"Constraint constraints/gcp.restrictNonCmekServices violated for {proposal.container}"
        " attempting to create a resource without specifying a KMS CryptoKey."
    )
    return Told(message, message)


def _key_project(proposal: Proposal) -> Sequence[str]:
    key = proposal.kms_key
    if not key or proposal.change is Change.DELETE or proposal.before.get("kmsKeyName") == key:
        return ()
    return ("/".join(key.split("/")[:2]),)


def _foreign_key(proposal: Proposal, value: str) -> Told:
    message = (
        f"Constraint constraints/gcp.restrictCmekCryptoKeyProjects violated for"
        f" {proposal.container} attempting to use a CryptoKey of {value}."
    )
    return Told(message, message)


def _used(asked: Asked) -> Sequence[str]:
    """Return the service that is called and, where it uses another's resource, that one."""
    services = dict.fromkeys((f"{asked.service}.googleapis.com", asked.resource.name.service))
    return [one for one in services if one not in ALWAYS_USABLE]


def _restrictable(text: str, _: Regions) -> bool:
    return _SERVICE.fullmatch(text) is not None and text not in ALWAYS_USABLE


CONSTRAINTS = (
    Constraint(
        name="gcp.resourceLocations",
        title="Google Cloud Platform - Resource Location Restriction",
        description="The locations where resources that have one may be created.",
        shape=Shape.LIST,
        asks=_location,
        entry=lambda text, regions: text in regions,
        group=_in_group,
        grouped=_is_group,
        tells=_misplaced,
    ),
    Constraint(
        name="gcp.restrictNonCmekServices",
        title="Restrict which services may create resources without CMEK",
        description="The services whose resources need a customer-managed key.",
        shape=Shape.LIST,
        asks=_keyless,
        entry=lambda text, _: text in UNDER_KEYS,
        only="denied",
        tells=_without_key,
    ),
    Constraint(
        name="gcp.restrictCmekCryptoKeyProjects",
        title="Restrict which projects may supply KMS CryptoKeys for CMEK",
        description="The projects, folders and organizations whose keys may protect resources.",
        shape=Shape.LIST,
        asks=_key_project,
        entry=is_container,
        under=True,
        meaning=Meaning.PROJECT,
        only="allowed",
        tells=_foreign_key,
    ),
    Constraint(
        name="gcp.restrictServiceUsage",
        title="Restrict Resource Service Usage",
        description="The services whose resources may be used, reads included.",
        shape=Shape.LIST,
        calls=_used,
        entry=_restrictable,
    ),
    Constraint(
        name="gcp.restrictTLSVersion",
        title="Restrict TLS Versions",
        description="The versions of TLS that requests may not use. No door of a universe speaks"
        " one older than 1.2, so every policy that can be written here is always kept.",
        shape=Shape.LIST,
        entry=lambda text, _: text in REFUSED_TLS,
        only="denied",
    ),
)
