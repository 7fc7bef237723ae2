"""Rights in plain sentences, for people who read contracts and not policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]
VERDICTS = {
    "CAN_ACCESS": "Yes",
    "CANNOT_ACCESS": "No",
    "UNKNOWN_INFO": "Not known: it is not there, or who asks may not see all that decides it",
}
_GRANTED = "ALLOW_ACCESS_STATE_GRANTED"
_MANAGER = "//cloudresourcemanager.googleapis.com/"
_KINDS = {"projects": "the project", "folders": "the folder", "organizations": "the organization"}
_PEOPLE = {
    "user": "the person",
    "serviceAccount": "the service account",
    "group": "the group",
    "domain": "everybody of the domain",
    "projectOwner": "every owner of the project",
    "projectEditor": "every editor of the project",
    "projectViewer": "every viewer of the project",
}


def resource(full: str) -> str:
    """Return a resource in words, by its full name or as it was named in short."""
    noun, _, id_ = full.removeprefix(_MANAGER).partition("/")
    if noun in _KINDS and "/" not in id_:
        return f"{_KINDS[noun]} {id_}"
    if not full.startswith("//"):
        return full
    service, _, name = full.removeprefix("//").partition("/")
    if service == "storage.googleapis.com":
        bucket, _, rest = name.removeprefix("projects/_/buckets/").partition("/")
        noun, _, inside = rest.partition("/")
        kind = {"objects": "the object", "managedFolders": "the folder"}.get(noun, "")
        return f"{kind} {inside} in the bucket {bucket}" if kind else f"the bucket {bucket}"
    kinds = {
        "serviceAccounts": "the service account",
        "cryptoKeys": "the key",
        "keyRings": "the key ring",
    }
    noun = name.split("/")[-2] if name.count("/") else ""
    return f"{kinds[noun]} {name}" if noun in kinds else name


def member(name: str) -> str:
    """Return a member in words."""
    if name == "allUsers":
        return "everybody, signed in or not"
    if name == "allAuthenticatedUsers":
        return "everybody who is signed in"
    kind, _, rest = name.partition(":")
    return f"{_PEOPLE[kind]} {rest}" if kind in _PEOPLE else name


def why(answer: Json) -> Iterator[str]:
    """Return the lines that explain an answer of Policy Troubleshooter."""
    asked = answer["accessTuple"]
    yield f"{VERDICTS.get(answer['overallAccessState'], 'Not known')}."
    yield (
        f"The question: may {asked['principal']} use {asked['permission']} on "
        f"{resource(asked['fullResourceName'])}?"
    )
    yield ""
    policies = answer["allowPolicyExplanation"].get("explainedPolicies", [])
    yield from _granting(policies)
    yield from dict.fromkeys(_near(policies))  # what several bindings give is told once
    yield from _denying(answer["denyPolicyExplanation"])
    yield from _bounding(answer.get("pabPolicyExplanation", {}))
    for refusal in answer.get("otherRefusals", []):
        unless = (
            ", unless where it comes from decides otherwise (name it with --from, a device with "
            "--certificate)"
        )
        yield (
            f"Refused by {refusal['guard']}{unless if refusal.get('dependsOnAddress') else ''}: "
            f"{refusal['message']}"
        )
    for one in answer.get("dependsOnContent", []):
        yield f"Depends on what the call makes: {one['constraint']} is in force there."
    for guard in answer.get("unseenGuards", []):
        yield f"Not shown: what {guard} says, which the account that asks may not read."
    if any("fullResourceName" not in one for one in policies) or not policies:
        yield "Not shown: policies that the account that asks may not read."


def _granting(policies: list[Json]) -> Iterator[str]:
    found = False
    for policy, binding in _bindings(policies):
        if (
            binding["allowAccessState"].endswith("_NOT_GRANTED")
            or "UNKNOWN" in binding["allowAccessState"]
        ):
            continue
        found = True
        named = [
            name
            for name, one in binding["memberships"].items()
            if one["membership"] == "MEMBERSHIP_MATCHED"
        ]
        where, who = resource(policy["fullResourceName"]), " and ".join(map(member, named))
        role = f"the role {binding['role']}, which includes it"
        yield f"Granted: on {where}, {who} has {role}{_condition(binding)}."
    if not found:
        yield "Nothing that can be seen grants it."


def _near(policies: list[Json]) -> Iterator[str]:
    """Return what would grant it but for one thing."""
    for policy, binding in _bindings(policies):
        if binding["allowAccessState"] == _GRANTED:
            continue
        carries = binding["rolePermission"] == "ROLE_PERMISSION_INCLUDED"
        named = binding["combinedMembership"]["membership"] == "MEMBERSHIP_MATCHED"
        where = f"on {resource(policy['fullResourceName'])}, the role {binding['role']}"
        if carries and named:
            yield f"Not counted: {where} is given only{_condition(binding)}."
        elif carries:
            yield f"Not counted: {where} includes it, but is given to others only."
        elif named:
            yield f"Not counted: {where} is given, but does not include it."


def _bindings(policies: list[Json]) -> Iterator[tuple[Json, Json]]:
    for policy in policies:
        for binding in policy.get("bindingExplanations", []):
            yield policy, binding


def _condition(binding: Json) -> str:
    if "condition" not in binding:
        return ""
    told = binding.get("conditionExplanation", {})
    state = {True: "holds", False: "does not hold"}.get(
        told.get("value"), "cannot be evaluated, so does not count"
    )
    title, expression = binding["condition"].get("title", ""), binding["condition"]["expression"]
    return f", under the condition '{title}' ({expression}) that {state}"


def _denying(deny: Json) -> Iterator[str]:
    for level in deny.get("explainedResources", []):
        for policy in level["explainedPolicies"]:
            if policy["denyAccessState"] == "DENY_ACCESS_STATE_DENIED":
                name = policy["policy"]["name"].rpartition("/")[2]
                where = resource(level["fullResourceName"])
                yield f"Forbidden: the deny policy '{name}' on {where}, whatever is granted."
    if deny["denyAccessState"] == "DENY_ACCESS_STATE_NOT_DENIED":
        yield "No deny policy forbids it."


def _bounding(pab: Json) -> Iterator[str]:
    state = pab.get("principalAccessBoundaryAccessState", "")
    if state == "PAB_ACCESS_STATE_NOT_ALLOWED":
        names = [
            one["explainedPolicy"]["policy"]["name"] for one in pab["explainedBindingsAndPolicies"]
        ]
        yield f"Out of bounds: the principal is bound to other resources, by {', '.join(names)}."
    elif state == "PAB_ACCESS_STATE_ALLOWED":
        yield "The boundaries that bind the principal include the resource."
