"""Recommendations listed, shown, and marked by who acts on them.

Source: google.cloud.recommender.v1, and Google's page on role recommendations.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.clock import Micros, rfc3339
from rempart.core.document import pairs, text
from rempart.core.errors import CloudError, Code, invalid, required
from rempart.core.grant import Grant
from rempart.core.names import ProjectId, ResourceName
from rempart.core.pages import page, token
from rempart.core.policy import Resource
from rempart.services.answers.places import MANAGER, level
from rempart.services.recommender.store import RecommenderStore
from rempart.services.recommender.unused import OBSERVED_DAYS, Recommendation
from rempart.trust.policy.uses import DAY

RECOMMENDER = "google.iam.policy.Recommender"
METADATA_MAX = 10
METADATA_CHARS_MAX = 256
_NAME = re.compile(
    r"((projects)/[a-z0-9.:-]{1,63}|(?:folders|organizations)/[0-9]{1,19})/locations/([a-z0-9-]+)"
    r"/recommenders/([A-Za-z.]+)(?:/recommendations/([0-9a-f]{32}))?"
)
_TYPES = {"projects": "Project", "folders": "Folder", "organizations": "Organization"}
_FILTER = re.compile(r'\s*stateInfo\.state\s*[:=]\s*"?([A-Z]+)"?\s*')
_MARKED_FROM = {
    "CLAIMED": ("ACTIVE", "CLAIMED", "SUCCEEDED", "FAILED"),
    "SUCCEEDED": ("ACTIVE", "CLAIMED", "SUCCEEDED", "FAILED"),
    "FAILED": ("ACTIVE", "CLAIMED", "SUCCEEDED", "FAILED"),
    "DISMISSED": ("ACTIVE", "DISMISSED"),
}
"""From which states a recommendation may be marked as what."""

Json = dict[str, object]
Run = Callable[[Grant, Call, RecommenderStore], Awaitable[Reply]]


async def container(call: Call, store: RecommenderStore) -> Resource:
    """Return the level that the recommendations are of, whether or not it is there."""
    name, _ = _name(call)
    held = await level(name, store.tx)
    if held is not None:
        return held.resource
    noun, _, id_ = name.partition("/")
    full = ResourceName(MANAGER, f"{MANAGER}/{_TYPES[noun]}", name)
    return Resource(full, ProjectId(id_) if noun == "projects" else None)


async def list_(grant: Grant, call: Call, store: RecommenderStore) -> Reply:
    """List the recommendations of a level; a filter may name their state."""
    wanted = _filter(call.query.get("filter", ""))
    at, _ = _name(call)
    asked = page(call.query)
    size, last = asked.size, asked.after
    found, last = await store.listed(grant, grant.resource.name, last, size)
    shown = [_shown(at, one) for one in found if wanted in ("", one.given.state)]
    document: Json = {"recommendations": shown} if shown else {}
    return Reply(document=document | ({"nextPageToken": token(last)} if last else {}))


async def get(grant: Grant, call: Call, store: RecommenderStore) -> Reply:
    """Return a recommendation."""
    at, id_ = _name(call)
    return Reply(document=_shown(at, await store.find(grant, grant.resource.name, id_)))


def marking(state: str) -> Run:
    """Return the method that marks a recommendation as being in a state."""

    async def mark(grant: Grant, call: Call, store: RecommenderStore) -> Reply:
        at, id_ = _name(call)
        found = await store.find(grant, grant.resource.name, id_)
        _check(found, call, state)
        noted = found.given.noted | _metadata(call)
        given = replace(found.given, state=state, noted=noted)
        store.put(grant, grant.resource.name, id_, given)
        marked = Recommendation(id_, found.key, given, found.permissions)
        return Reply(document=_shown(at, marked), audit={"recommendation": id_, "state": state})

    return mark


def _name(call: Call) -> tuple[str, str]:
    """Return the level and the id that the path names; raises `invalid` for another recommender."""
    field = "name" if "name" in call.path else "parent"
    found = _NAME.fullmatch(call.path[field])
    if found is None or found[3] != "global" or found[4] != RECOMMENDER:
        message = f"There is one recommender here: …/locations/global/recommenders/{RECOMMENDER}."
        raise invalid(message, field=field)
    return found[1], found[5] or ""


def _filter(asked: str) -> str:
    found = _FILTER.fullmatch(asked)
    if asked and found is None:
        raise invalid("A filter is stateInfo.state=STATE.", field="filter")
    return found[1] if found else ""


def _check(found: Recommendation, call: Call, state: str) -> None:
    etag = text(call.document, "etag")
    if not etag and state != "DISMISSED":
        raise required("etag is required.", field="etag")
    if etag and etag != found.given.etag:
        message = "The recommendation changed meanwhile. Read it again, and retry."
        raise CloudError(Code.ABORTED, message, reason="conflict", field="etag")
    if found.given.state not in _MARKED_FROM[state]:
        message = f"A recommendation that is {found.given.state} is not marked as {state}."
        raise CloudError(Code.FAILED_PRECONDITION, message, reason="failedPrecondition")


def _metadata(call: Call) -> dict[str, str]:
    given = pairs(call.document, "stateMetadata")
    if len(given) > METADATA_MAX or any(
        len(one) > METADATA_CHARS_MAX for pair in given.items() for one in pair
    ):
        message = f"stateMetadata has {METADATA_MAX} short texts at most."
        raise invalid(message, field="stateMetadata")
    return given


def _shown(at: str, one: Recommendation) -> Json:
    given = one.given
    filters = {
        "/iamPolicy/bindings/*/members/*": given.member,
        "/iamPolicy/bindings/*/role": given.role,
        "/iamPolicy/bindings/*/condition/expression": given.condition,
    }
    operation: Json = {
        "action": "remove",
        "resourceType": given.type,
        "resource": given.resource,
        "path": "/iamPolicy/bindings/*/members/*",
        "pathFilters": filters,
    }
    details = {"revokedIamPermissionsCount": one.permissions}
    state: Json = {"state": given.state}
    state |= {"stateMetadata": given.noted} if given.noted else {}
    return {
        "name": f"{at}/locations/global/recommenders/{RECOMMENDER}/recommendations/{one.id}",
        "description": f"This role has not been used during the {OBSERVED_DAYS} days.",
        "recommenderSubtype": "REMOVE_ROLE",
        "lastRefreshTime": rfc3339(Micros(given.seen * DAY)),
        "primaryImpact": {"category": "SECURITY", "securityProjection": {"details": details}},
        "priority": "P4",
        "content": {"operationGroups": [{"operations": [operation]}], "overview": _overview(one)},
        "stateInfo": state,
        "etag": given.etag,
    }


def _overview(one: Recommendation) -> Json:
    given = one.given
    return {"member": given.member, "removedRole": given.role, "resource": given.resource}
