"""Constraints on Cloud KMS.

Sources: "Control key version destruction"; Google's list of organization policy constraints.
"""

from __future__ import annotations

from collections.abc import Sequence

from rempart.core.proposal import Change, Proposal
from rempart.trust.policy.organization.constraint import Constraint, Shape, Told, section

CRYPTO_KEY = "cloudkms.googleapis.com/CryptoKey"
VERSION = "cloudkms.googleapis.com/CryptoKeyVersion"
DURATIONS = ("1d", "7d", "15d", "30d", "60d", "90d", "120d")
_LEVELS = frozenset(("SOFTWARE", "HSM", "EXTERNAL", "EXTERNAL_VPC"))
_DAY_SECONDS = 86_400


def _level(proposal: Proposal) -> Sequence[str]:
    if proposal.change is not Change.CREATE:
        return ()
    return (str(section(proposal.fields, "versionTemplate").get("protectionLevel", "")),)


def _delay(proposal: Proposal) -> Sequence[str]:
    if proposal.change is not Change.CREATE:
        return ()
    return (str(proposal.fields.get("destroyScheduledDuration", "0s")),)


def _at_least(group: str, value: str) -> bool:
    """Tell whether a duration (`86400s`) is no shorter than the days of a group (`1d`)."""
    return group in DURATIONS and int(value[:-1]) >= int(group[:-1]) * _DAY_SECONDS


def _enabled(proposal: Proposal) -> Sequence[str]:
    """Return a version that would be scheduled for destruction out of use."""
    scheduled = proposal.fields.get("state") == "DESTROY_SCHEDULED"
    return (proposal.name,) if scheduled and proposal.before.get("state") != "DISABLED" else ()


def _still_enabled(_: Proposal, value: str) -> Told:
    message = (
        f"{value} must be disabled before it is destroyed, as"
        " constraints/cloudkms.disableBeforeDestroy requires."
    )
    return Told(message, message)


CONSTRAINTS = (
    Constraint(
        name="cloudkms.allowedProtectionLevels",
        title="Restrict which KMS CryptoKey types may be created.",
        description="The protection levels that new keys may have.",
        shape=Shape.LIST,
        types=frozenset((CRYPTO_KEY,)),
        asks=_level,
        entry=lambda text, _: text in _LEVELS,
    ),
    Constraint(
        name="cloudkms.minimumDestroyScheduledDuration",
        title="Minimum Key Destroy Scheduled Duration per key",
        description="The shortest time that new keys may give between the order to destroy a"
        " version and its destruction: one of " + ", ".join(f"in:{one}" for one in DURATIONS) + ".",
        shape=Shape.LIST,
        types=frozenset((CRYPTO_KEY,)),
        asks=_delay,
        entry=lambda _text, _regions: False,
        group=_at_least,
        grouped=lambda group, _: group in DURATIONS,
        only="allowed",
    ),
    Constraint(
        name="cloudkms.disableBeforeDestroy",
        title="Restrict key destruction to disabled keys",
        description="Only a version that is disabled can be scheduled for destruction.",
        shape=Shape.BOOLEAN,
        types=frozenset((VERSION,)),
        asks=_enabled,
        tells=_still_enabled,
    ),
)
