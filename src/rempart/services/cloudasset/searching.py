"""The search of all policies under a scope: each with those of its bindings that a query admits.

Source: google.cloud.asset.v1.SearchAllIamPoliciesRequest.
"""

from __future__ import annotations

import re
from dataclasses import replace

from rempart.core.call import Call, Reply
from rempart.core.errors import invalid
from rempart.core.grant import Grant
from rempart.core.pages import page, token
from rempart.core.policy import Binding, Policy
from rempart.services.answers.held import Held
from rempart.services.answers.places import HELD_MAX, MANAGER, above
from rempart.services.cloudasset.asked import AssetStore, repeated
from rempart.services.cloudasset.query import Test, admits
from rempart.trust.policy.hierarchy import PROJECTS
from rempart.trust.policy.validate import policy_to_json

PAGE_MAX = 500
_VERSION = 3
_ORDERS = {"resource": False, "resource asc": False, "resource desc": True}
_TYPE = re.compile(r"[a-z0-9.]+/[A-Za-z]+")
Json = dict[str, object]


async def search(grant: Grant, call: Call, store: AssetStore) -> Reply:
    """Return a page of policies, ordered by their resources' names."""
    test = admits(call.query.get("query", ""))
    types = _types(repeated(call, "assetTypes"))
    backwards = _backwards(call.query.get("orderBy", ""))
    asked = page(call.query, most=PAGE_MAX)
    size, last = asked.size, asked.after
    held = await _all(grant, store)
    held.sort(key=lambda one: one.full, reverse=backwards)
    shown = list[Json]()
    at = ""
    for one in held:
        if last and (one.full >= last.decode() if backwards else one.full <= last.decode()):
            continue
        if types and one.name.type not in types:
            continue
        found = await _result(one, test, store)
        if found is None:
            continue
        if len(shown) == size:
            return Reply(document={"results": shown, "nextPageToken": token(at.encode())})
        shown.append(found)
        at = one.full
    return Reply(document={"results": shown} if shown else {})


async def _all(grant: Grant, store: AssetStore) -> list[Held]:
    found = list[Held]()
    async for held in store.rights.places.under(grant.resource.name, store.session.tx):
        if len(found) == HELD_MAX:
            message = f"The scope has over {HELD_MAX} policies: search in a smaller one."
            raise invalid(message, field="scope")
        found.append(held)
    return found


async def _result(held: Held, test: Test, store: AssetStore) -> Json | None:
    over = [held.full, *await above(held, store.session.tx)]
    levels = tuple(one.removeprefix(f"//{MANAGER}/") for one in over if f"//{MANAGER}/" in one)
    bindings = tuple(
        [one for one in held.policy.bindings if test(await _fields(one, held, levels, store))]
    )
    if not bindings:
        return None
    policy: Policy = replace(held.policy, bindings=bindings)
    shown: Json = {
        "resource": held.full,
        "assetType": held.name.type,
        "policy": policy_to_json(policy, requested_version=_VERSION),
        "folders": [one for one in levels if one.startswith("folders/")],
        "organization": next((one for one in levels if one.startswith("organizations/")), ""),
    }
    project = held.resource.project
    if project is not None:
        found = await store.session.tx.get(PROJECTS, project)
        shown |= {"project": f"projects/{found.number}"} if found else {}
    return shown


async def _fields(
    binding: Binding, held: Held, levels: tuple[str, ...], store: AssetStore
) -> dict[str, tuple[str, ...]]:
    condition = binding.condition
    texts = (condition.title, condition.description, condition.expression) if condition else ()
    return {
        "role": (binding.role,),
        "member": binding.members,
        "type": tuple(one.partition(":")[0] for one in binding.members),
        "condition": texts,
        "resource": (held.full,),
        "project": (held.resource.project or "",),
        "permission": tuple(await store.rights.decision.carried(binding.role, levels)),
    }


def _types(asked: list[str]) -> frozenset[str]:
    for one in asked:
        if not _TYPE.fullmatch(one):
            message = f"{one[:100]!r} is not a type such as storage.googleapis.com/Bucket."
            raise invalid(message, field="assetTypes")
    return frozenset(asked)


def _backwards(order: str) -> bool:
    if order and order not in _ORDERS:
        raise invalid("Only 'resource' and 'resource desc' are orders.", field="orderBy")
    return _ORDERS.get(order, False)
