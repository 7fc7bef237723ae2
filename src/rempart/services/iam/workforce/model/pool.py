"""A workforce pool: what may be said of one, and how it is shown.

Source: WorkforcePool of google.iam.admin.v1 as Google's discovery document describes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from rempart.core.clock import Micros, rfc3339
from rempart.core.document import boolean, items, only, seconds, section, text
from rempart.core.errors import CloudError, Code, invalid, required
from rempart.core.policy import Policy
from rempart.services.iam.workforce.model.merging import Json, merged
from rempart.trust.identity.federation.pools import Pool, Restrictions
from rempart.trust.identity.workforce.documents import KEPT_AFTER_DELETION
from rempart.trust.identity.workforce.names import PoolName

DISPLAY_NAME_CHARS_MAX = 32
DESCRIPTION_CHARS_MAX = 256
SESSION_SECONDS_DEFAULT = 3600
SESSION_SECONDS_MIN = 15 * 60
SESSION_SECONDS_MAX = 12 * 3600
ALLOWED_SERVICES_MAX = 20
POOLS_PER_ORGANIZATION_MAX = 100

_FIELDS = (
    "displayName",
    "description",
    "disabled",
    "sessionDuration",
    "accessRestrictions",
)
_OUTPUT = ("name", "parent", "state", "expireTime")
_ORGANIZATION = re.compile(r"organizations/[0-9]{1,20}")
_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9-]+(?:\.[a-z0-9-]+)+")


def organization(name: str, field: str = "parent") -> str:
    """Return the organization that a request names; raises where it is none."""
    if not name:
        raise required(f"{field} is required.", field=field)
    if not _ORGANIZATION.fullmatch(name):
        raise invalid(f"{field} must be organizations/NUMBER.", field=field)
    return name


def new_pool(
    name: PoolName, document: Mapping[str, object], policy: Policy, uid: str, now: Micros
) -> Pool:
    """Return the pool that a request asks for."""
    above = organization(text(document, "parent"))
    return _read(document, Pool(str(name), above, uid, now, policy=policy))


def changed(old: Pool, document: Mapping[str, object], mask: frozenset[str]) -> Pool:
    """Return a pool with what the mask names taken from the request."""
    refuse_if_deleted(old.deleted, "WorkforcePool")
    for path in mask:
        if path.partition(".")[0] not in _FIELDS:
            raise invalid(f"{path[:80]} cannot be updated.", field="updateMask")
    return _read(merged(_settings(old), document, mask), old)


def pool_json(pool: Pool) -> Json:
    """Return a pool as Google shows it."""
    shown: Json = {"name": pool.name, "parent": pool.parent, **_settings(pool)}
    return {**shown, **state_json(pool.deleted)}


def state_json(deleted: int) -> Json:
    """Return how a resource that may be deleted shows that."""
    if not deleted:
        return {"state": "ACTIVE"}
    return {"state": "DELETED", "expireTime": rfc3339(Micros(deleted + KEPT_AFTER_DELETION))}


def refuse_if_deleted(deleted: int, noun: str) -> None:
    """Raise where a resource is deleted and so may not be changed."""
    if deleted:
        raise failed(f"The {noun} is deleted; undelete it first.", "RESOURCE_DELETED")


def refuse_unless_deleted(deleted: int, noun: str) -> None:
    """Raise where a resource that is to be undeleted is not deleted."""
    if not deleted:
        raise failed(f"The {noun} is not deleted.", "RESOURCE_NOT_DELETED")


def failed(message: str, reason: str) -> CloudError:
    """Return the refusal of what the resource's state does not admit."""
    return CloudError(Code.FAILED_PRECONDITION, message, reason=reason)


def titles(document: Mapping[str, object]) -> tuple[str, str]:
    """Return the display name and the description, within their limits."""
    display_name, description = text(document, "displayName"), text(document, "description")
    for field, value, most in (
        ("displayName", display_name, DISPLAY_NAME_CHARS_MAX),
        ("description", description, DESCRIPTION_CHARS_MAX),
    ):
        if len(value) > most:
            raise invalid(f"{field} has at most {most} characters.", field=field)
    return display_name, description


def _read(document: Mapping[str, object], base: Pool) -> Pool:
    only(document, *_FIELDS, *_OUTPUT)
    display_name, description = titles(document)
    return msgspec.structs.replace(
        base,
        display_name=display_name,
        description=description,
        disabled=boolean(document, "disabled"),
        session_seconds=_session_seconds(document),
        restrictions=_restrictions(document),
    )


def _session_seconds(document: Mapping[str, object]) -> int:
    asked = seconds(document, "sessionDuration")
    if asked is None:
        return SESSION_SECONDS_DEFAULT
    if not SESSION_SECONDS_MIN <= asked <= SESSION_SECONDS_MAX:
        raise invalid(
            f"sessionDuration is between {SESSION_SECONDS_MIN}s and {SESSION_SECONDS_MAX}s.",
            field="sessionDuration",
        )
    return asked


def _restrictions(document: Mapping[str, object]) -> Restrictions | None:
    if document.get("accessRestrictions") is None:
        return None
    given = section(document, "accessRestrictions")
    only(given, "allowedServices", "disableProgrammaticSignin")
    services = items(given, "allowedServices")
    if len(services) > ALLOWED_SERVICES_MAX:
        raise invalid(
            f"There may be {ALLOWED_SERVICES_MAX} allowed services.",
            field="accessRestrictions.allowedServices",
        )
    domains = tuple(_domain(service) for service in services)
    return Restrictions(domains, boolean(given, "disableProgrammaticSignin"))


def _domain(service: Mapping[str, object]) -> str:
    only(service, "domain")
    domain = text(service, "domain")
    if not _DOMAIN.fullmatch(domain):
        field = "accessRestrictions.allowedServices.domain"
        raise invalid(f"{domain[:80]!r} is not the domain of a service.", field=field)
    return domain


def _settings(pool: Pool) -> Json:
    """Return what a request may say of a pool."""
    shown: Json = {"sessionDuration": f"{pool.session_seconds}s"}
    if pool.display_name:
        shown["displayName"] = pool.display_name
    if pool.description:
        shown["description"] = pool.description
    if pool.disabled:
        shown["disabled"] = True
    if pool.restrictions is not None:
        shown["accessRestrictions"] = _restrictions_json(pool.restrictions)
    return shown


def _restrictions_json(restrictions: Restrictions) -> Json:
    shown: Json = {}
    if restrictions.services:
        shown["allowedServices"] = [{"domain": domain} for domain in restrictions.services]
    if restrictions.no_programs:
        shown["disableProgrammaticSignin"] = True
    return shown
