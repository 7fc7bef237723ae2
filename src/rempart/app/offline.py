"""Answers about a universe that need no server: what it signs with, left-over keys, coverage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rempart.app.assembly import assemble
from rempart.app.engine import open_alone
from rempart.config import Config
from rempart.core.clock import World, system_clock
from rempart.edge.coverage import coverage
from rempart.services.accessapproval import METHODS as APPROVAL_METHODS
from rempart.services.accessapproval import OWN as APPROVAL_OWN
from rempart.services.accesscontextmanager import METHODS as ACM_METHODS
from rempart.services.cloudasset import METHODS as ASSET_METHODS
from rempart.services.cloudasset import OWN as ASSET_OWN
from rempart.services.iam import METHODS as IAM_METHODS
from rempart.services.iam.boundaries import METHODS as BOUNDARY_METHODS
from rempart.services.iam.deny import METHODS as DENY_METHODS
from rempart.services.iam.workforce import OWN as IAM_OWN
from rempart.services.iamcredentials import METHODS as CREDENTIALS_METHODS
from rempart.services.kms import METHODS as KMS_METHODS
from rempart.services.kms import OWN as KMS_OWN
from rempart.services.kms.left_over import left_over
from rempart.services.kmsinventory import METHODS as INVENTORY_METHODS
from rempart.services.logging import METHODS as LOGGING_METHODS
from rempart.services.logging import STREAMED
from rempart.services.orgpolicy import METHODS as ORGPOLICY_METHODS
from rempart.services.policytroubleshooter import METHODS as TROUBLESHOOTER_METHODS
from rempart.services.policytroubleshooter import OWN as TROUBLESHOOTER_OWN
from rempart.services.recommender import METHODS as RECOMMENDER_METHODS
from rempart.services.resourcemanager import METHODS as MANAGER_METHODS
from rempart.services.resourcemanager.tags import TAG_METHODS
from rempart.services.serviceusage import METHODS as USAGE_METHODS
from rempart.services.serviceusage import OWN as USAGE_OWN
from rempart.services.storage import METHODS as STORAGE_METHODS
from rempart.services.sts import ANSWERED as STS_ANSWERED
from rempart.trust.custody.keyring import Keyring
from rempart.trust.identity.issuer import Issuer
from rempart.universe import LeftOverKey, ServiceCoverage


def issuer_keys(config: Config, keyring: Keyring) -> dict[str, object]:
    """Return the JWK set that verifies what this universe signs for others; no server is asked."""
    return Issuer(config.domain, keyring.key("id-token"), system_clock).keys()


async def left_over_keys(
    data: Path, config: Config, keyring: Keyring, remove: tuple[str, ...]
) -> tuple[LeftOverKey, ...]:
    """Return the keys in the token that no version refers to, and remove those of given ids."""
    engine = await open_alone(data, config, keyring)
    try:
        parts = assemble(engine, keyring, config, World())
        token = parts.token
        if token is None:
            return ()
        found = await left_over(parts.sealed, parts.kms.materials, token)
        for one in found:
            if one.id.hex() in remove:
                await token.remove(one)
        await token.close()
    finally:
        await engine.close()
    return tuple(LeftOverKey(one.id.hex(), one.label, one.id.hex() in remove) for one in found)


def services_covered() -> Sequence[ServiceCoverage]:
    """Return for each described service how much of it is answered."""
    return coverage(_answered())


def _answered() -> dict[str, set[str]]:
    """Return the methods that are answered for real, by service."""
    described = (KMS_OWN, USAGE_OWN, IAM_OWN, TROUBLESHOOTER_OWN, ASSET_OWN, APPROVAL_OWN)
    own = {one.id for service in described for one in service.methods}
    tags = {str(method.id) for method in TAG_METHODS}
    iam = {str(method.id) for method in IAM_METHODS} - own
    iam |= {str(method.id) for method in DENY_METHODS}
    iam |= {str(method.id) for method in BOUNDARY_METHODS}
    return {
        "storage": {str(method.id) for method in STORAGE_METHODS},
        "cloudkms": {str(method.id) for method in KMS_METHODS} - own,
        "iam": iam,
        "cloudresourcemanager": {str(method.id) for method in MANAGER_METHODS} | tags,
        "accessapproval": {str(method.id) for method in APPROVAL_METHODS} - own,
        "accesscontextmanager": {str(method.id) for method in ACM_METHODS},
        "cloudasset": {str(method.id) for method in ASSET_METHODS} - own,
        "recommender": {str(method.id) for method in RECOMMENDER_METHODS},
        "policytroubleshooter": {str(method.id) for method in TROUBLESHOOTER_METHODS} - own,
        "kmsinventory": {str(method.id) for method in INVENTORY_METHODS},
        "logging": {str(method.id) for method in LOGGING_METHODS if method.id != STREAMED},
        "iamcredentials": {str(method.id) for method in CREDENTIALS_METHODS},
        "sts": set(STS_ANSWERED),
        "orgpolicy": {str(method.id) for method in ORGPOLICY_METHODS},
        "serviceusage": {str(method.id) for method in USAGE_METHODS} - own,
    }
