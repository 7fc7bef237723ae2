"""Policy Analyzer: which identities have which access to which resources, by which binding.

As Google's, it reads allow policies: what deny policies, boundaries and guards take away again is
Policy Troubleshooter's to say, for one principal. Groups are not expanded: nobody tells this
universe who is in them, so bindings to groups grant nothing here, and the answer says so.

Source: google.cloud.asset.v1.AnalyzeIamPolicyRequest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from rempart.core.call import Call, Reply
from rempart.core.clock import Micros
from rempart.core.document import boolean, moment
from rempart.core.errors import CloudError, Code, invalid
from rempart.core.grant import Grant
from rempart.services.answers.places import HELD_MAX, full_name
from rempart.services.answers.rights import Right, Seen, Selected
from rempart.services.answers.why import permission_of
from rempart.services.cloudasset.asked import AssetStore, repeated
from rempart.trust.policy.explain import Truth
from rempart.trust.policy.validate import condition_json

RESULTS_MAX = 1000
"""How many bindings one answer lists."""

RESOURCES_MAX = 1000
"""How many resources one binding is expanded to."""

Json = dict[str, object]
_QUERY = "analysisQuery."
_OPTIONS = f"{_QUERY}options."
_VALUES = {Truth.TRUE: "TRUE", Truth.FALSE: "FALSE", Truth.UNKNOWN: "CONDITIONAL"}
_SHOWN_OPTIONS = (
    *("expandGroups", "expandRoles", "expandResources"),
    *("outputResourceEdges", "outputGroupEdges"),
)


async def analyze(grant: Grant, call: Call, store: AssetStore) -> Reply:
    """Answer who has what access to what, for the selectors that are given."""
    query = _Query(call)
    found, seen = list[Right](), Seen()
    async for right in _rights(query, grant, store, seen):
        if len(found) == RESULTS_MAX:
            seen.complete = False
            break
        found.append(right)
    results = [await _result(right, query, store) for right in found]
    errors = _errors(seen, results)
    main: Json = {"analysisQuery": query.shown, "fullyExplored": seen.complete}
    main |= {"analysisResults": results} if results else {}
    main |= {"nonCriticalErrors": errors} if errors else {}
    return Reply(document={"mainAnalysis": main, "fullyExplored": seen.complete})


class _Query:
    """The query of a call, checked."""

    def __init__(self, call: Call) -> None:
        if "savedAnalysisQuery" in call.query:
            raise _not_there("savedAnalysisQuery")
        if boolean(call.query, f"{_OPTIONS}analyzeServiceAccountImpersonation"):
            raise _not_there("analyzeServiceAccountImpersonation")
        self.scope = call.path["scope"]
        resource = call.query.get(f"{_QUERY}resourceSelector.fullResourceName", "")
        self.resource = full_name(resource) if resource else ""
        self.identity = call.query.get(f"{_QUERY}identitySelector.identity", "")
        self.roles = repeated(call, f"{_QUERY}accessSelector.roles")
        self.permissions = repeated(call, f"{_QUERY}accessSelector.permissions")
        self.options = {name: boolean(call.query, _OPTIONS + name) for name in _SHOWN_OPTIONS}
        access_time = f"{_QUERY}conditionContext.accessTime"
        self.now: Micros = moment(call.query, access_time) or call.time
        if not (resource or self.identity or self.roles or self.permissions):
            message = "At least one of resource, identity and access selectors is required."
            raise invalid(message, field="analysisQuery")
        if resource and self.options["expandResources"]:
            message = "expandResources and a resource selector exclude each other."
            raise invalid(message, field="analysisQuery.options.expandResources")
        self.wanted = Selected(
            self.identity,
            frozenset(self.roles),
            frozenset(map(permission_of, self.permissions)),
        )

    @property
    def shown(self) -> Json:
        """Return the query as the answer repeats it."""
        shown: Json = {"scope": self.scope}
        if self.resource:
            shown["resourceSelector"] = {"fullResourceName": self.resource}
        if self.identity:
            shown["identitySelector"] = {"identity": self.identity}
        access = {"roles": self.roles, "permissions": self.permissions}
        if any(access.values()):
            shown["accessSelector"] = {name: value for name, value in access.items() if value}
        options = {name: True for name, value in self.options.items() if value}
        return shown | ({"options": options} if options else {})


def _not_there(name: str) -> CloudError:
    message = f"{name} is not implemented."
    return CloudError(Code.UNIMPLEMENTED, message, reason="notImplemented", field=name)


async def _rights(
    query: _Query, grant: Grant, store: AssetStore, seen: Seen
) -> AsyncIterator[Right]:
    rights, tx, scope = store.rights, store.session.tx, grant.resource
    if not query.resource:
        async for right in rights.under([scope.name], query.wanted, query.now, seen, tx):
            yield right
        return
    located = await rights.places.find(query.resource, tx)
    chain = await rights.chain(located, tx) if located else []
    names = [one.name.name for one in chain]
    if located is None or scope.name not in names:
        message = f"{query.resource[:300]} is not a resource within {query.scope}."
        raise invalid(message, field="analysisQuery.resourceSelector.fullResourceName")
    within = {one.full for one in chain[: names.index(scope.name) + 1]}
    for right in await rights.on(located, query.wanted, query.now, seen, tx):
        if right.held.full in within:
            yield right


async def _result(right: Right, query: _Query, store: AssetStore) -> Json:
    binding: Json = {"role": right.binding.role, "members": list(right.binding.members)}
    if right.binding.condition is not None:
        binding["condition"] = condition_json(right.binding.condition)
    resources, complete = await _resources(right, query, store)
    access: Json = {
        "resources": [{"fullResourceName": name} for name, _ in resources],
        "accesses": _accesses(right, query),
    }
    edges = [{"sourceNode": source, "targetNode": name} for name, source in resources if source]
    if query.options["outputResourceEdges"] and edges:
        access["resourceEdges"] = edges
    if right.condition is not Truth.NONE:
        access["conditionEvaluation"] = {"evaluationValue": _VALUES[right.condition]}
    return {
        "attachedResourceFullName": right.held.full,
        "iamBinding": binding,
        "accessControlLists": [access],
        "identityList": {"identities": [{"name": one} for one in right.members]},
        "fullyExplored": complete,
    }


def _accesses(right: Right, query: _Query) -> list[Json]:
    """Return the permissions that are wanted, all of the role's where it is to be expanded."""
    if query.permissions:
        return [{"permission": one} for one in sorted(right.permissions)] or [
            {"role": right.binding.role}
        ]
    if query.options["expandRoles"]:
        return [{"permission": one} for one in sorted(right.permissions)]
    return [{"role": right.binding.role}]


async def _resources(
    right: Right, query: _Query, store: AssetStore
) -> tuple[list[tuple[str, str]], bool]:
    """Return the resources that a binding reaches, each with what it lies in, if that is shown."""
    if query.resource:
        return [(query.resource, "")], True
    own = right.held
    found = [(own.full, "")]
    if query.options["expandResources"] and own.name.service.startswith("cloudresourcemanager."):
        async for one in store.rights.places.under(own.name.name, store.session.tx):
            if len(found) == RESOURCES_MAX:
                return found, False
            if one.full != own.full:
                found.append((one.full, one.above))
    return found, True


def _errors(seen: Seen, results: list[Json]) -> list[Json]:
    """Return what the answer leaves out, each by its cause."""
    found = list[Json]()
    if not seen.complete:
        cause = f"Only the first {HELD_MAX} policies and {RESULTS_MAX} bindings are looked at."
        found.append({"code": "RESOURCE_EXHAUSTED", "cause": cause})
    if not all(one["fullyExplored"] for one in results):
        cause = f"A binding is expanded to its first {RESOURCES_MAX} resources."
        found.append({"code": "RESOURCE_EXHAUSTED", "cause": cause})
    if seen.groups:
        cause = (
            "Bindings name groups or domains. Who is in them is not known to this universe: they "
            f"grant nothing here. Such as: {', '.join(sorted(seen.groups)[:5])}"
        )
        found.append({"code": "UNIMPLEMENTED", "cause": cause})
    return found
