"""Pools and providers as requests and answers have them, and what they may be like.

Source: WorkloadIdentityPool and WorkloadIdentityPoolProvider of IAM v1.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from rempart.core.clock import Micros, rfc3339
from rempart.core.document import boolean, only, pairs, text
from rempart.core.errors import CloudError, Code, invalid, unsupported
from rempart.services.iam.workload_identity import kinds
from rempart.trust.identity.federation.mapping import check_condition, check_mapping
from rempart.trust.identity.federation.pools import UNDELETE_SECONDS, Pool, Provider
from rempart.trust.identity.federation.saml.facts import Metadata

DISPLAY_NAME_CHARS_MAX = 32
DESCRIPTION_CHARS_MAX = 256
POOLS_PER_PROJECT_MAX = 100
PROVIDERS_PER_POOL_MAX = 200

FEDERATION_ONLY = "FEDERATION_ONLY"
_SECOND = 1_000_000
_OUTPUT = frozenset(("name", "state", "expireTime"))
_TITLES = frozenset(("displayName", "description", "disabled"))
POOL_FIELDS = _TITLES | {"mode"}
PROVIDER_FIELDS = _TITLES | {"attributeMapping", "attributeCondition", *kinds.KINDS}
Json = dict[str, object]


def pool(base: Pool, document: Mapping[str, object], fields: frozenset[str]) -> Pool:
    """Return a pool with these fields taken from a request; fields that it lacks are emptied."""
    only(document, *POOL_FIELDS, *_OUTPUT, "inlineCertificateIssuanceConfig", "inlineTrustConfig")
    _check_fields(fields, POOL_FIELDS)
    if text(document, "mode", FEDERATION_ONLY) not in {FEDERATION_ONLY, "MODE_UNSPECIFIED"}:
        raise unsupported("A pool of another mode than FEDERATION_ONLY", field="mode")
    for name in ("inlineCertificateIssuanceConfig", "inlineTrustConfig"):
        if document.get(name):
            raise unsupported(name, field=name)
    return replace(
        base,
        display_name=_title(document, "displayName", DISPLAY_NAME_CHARS_MAX)
        if "displayName" in fields
        else base.display_name,
        description=_title(document, "description", DESCRIPTION_CHARS_MAX)
        if "description" in fields
        else base.description,
        disabled=boolean(document, "disabled") if "disabled" in fields else base.disabled,
    )


def provider(
    base: Provider,
    document: Mapping[str, object],
    fields: frozenset[str],
    metadata: Metadata | None,
    now: Micros,
) -> Provider:
    """Return a provider with these fields taken from a request, whole and able to serve.

    `metadata` is what was read of SAML metadata, if the request has any.
    """
    only(document, *PROVIDER_FIELDS, *_OUTPUT)
    named = frozenset(path.partition(".")[0] for path in fields)
    _check_fields(named, PROVIDER_FIELDS)
    made = replace(
        base,
        display_name=_title(document, "displayName", DISPLAY_NAME_CHARS_MAX)
        if "displayName" in fields
        else base.display_name,
        description=_title(document, "description", DESCRIPTION_CHARS_MAX)
        if "description" in fields
        else base.description,
        disabled=boolean(document, "disabled") if "disabled" in fields else base.disabled,
        mapping=_mapping(document, fields, base),
        condition=text(document, "attributeCondition")
        if "attributeCondition" in fields
        else base.condition,
    )
    made = kinds.proven_by(made, document, fields, metadata, now)
    if not made.mapping:
        made = replace(made, mapping=kinds.default_mapping(made))
    check_mapping(made.mapping)
    check_condition(made.condition)
    return made


def _check_fields(fields: frozenset[str], known: frozenset[str]) -> None:
    unknown = fields - known
    if unknown:
        raise invalid(f"{min(unknown)[:80]} cannot be updated.", field="updateMask")


def _title(document: Mapping[str, object], field: str, most: int) -> str:
    value = text(document, field)
    if len(value) > most:
        raise invalid(f"{field} has at most {most} characters.", field=field)
    return value


def _mapping(
    document: Mapping[str, object], fields: frozenset[str], base: Provider
) -> dict[str, str]:
    """Return the mapping: all of it, or single attributes that an update's mask names."""
    if "attributeMapping" in fields:
        return pairs(document, "attributeMapping")
    given, made = pairs(document, "attributeMapping"), dict(base.mapping)
    for path in fields:
        name, _, key = path.partition(".")
        if name == "attributeMapping" and key:
            made.pop(key, None)
            made |= {key: given[key]} if key in given else {}
    return made


def gone(deleted: Micros, now: Micros) -> bool:
    """Tell whether a deletion is final: the name is free, and there is nothing to undelete."""
    return bool(deleted) and now >= deleted + UNDELETE_SECONDS * _SECOND


def refuse_deleted(deleted: Micros, *, wanted: bool) -> None:
    """Raise unless a resource is deleted, where that is wanted, or is not, where it is not."""
    if bool(deleted) != wanted:
        state = "not deleted" if wanted else "deleted"
        raise CloudError(
            Code.FAILED_PRECONDITION,
            f"The resource is {state}.",
            reason="RESOURCE_NOT_DELETED" if wanted else "RESOURCE_DELETED",
        )


def pool_json(found: Pool) -> Json:
    """Return a pool as Google shows it."""
    return {
        "name": found.name,
        "mode": FEDERATION_ONLY,
        **_shown(found.display_name, found.description, disabled=found.disabled),
        **_state(found.deleted),
    }


def provider_json(found: Provider) -> Json:
    """Return a provider as Google shows it."""
    shown: Json = {
        "name": found.name,
        **_shown(found.display_name, found.description, disabled=found.disabled),
        **_state(found.deleted),
        "attributeMapping": found.mapping,
    }
    if found.condition:
        shown["attributeCondition"] = found.condition
    return shown | kinds.shown(found)


def _shown(display_name: str, description: str, *, disabled: bool) -> Json:
    shown: Json = {"displayName": display_name, "description": description, "disabled": disabled}
    return {name: value for name, value in shown.items() if value}


def _state(deleted: Micros) -> Json:
    if not deleted:
        return {"state": "ACTIVE"}
    return {"state": "DELETED", "expireTime": rfc3339(Micros(deleted + UNDELETE_SECONDS * _SECOND))}
