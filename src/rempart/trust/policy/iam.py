"""What getIamPolicy, setIamPolicy and testIamPermissions have in common, whatever the service.

A method of a service loads its resource, asks one of these functions, and stores or shows what
comes back; nothing here reads or writes. `shown`, `replaced` and `permissions_asked` read requests
of google.iam.v1; `requested_version` and `successor` are the rules under them, for an API of
another shape (Cloud Storage's JSON API).

Source: google.iam.v1's iam_policy.proto, options.proto and policy.proto; Google's pages on policy
versions and on "withcond" in role bindings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rempart.core.call import Call
from rempart.core.errors import CloudError, Code, invalid, required
from rempart.core.policy import Condition, Policy, Resource
from rempart.core.principal import Member
from rempart.core.proposal import Change, Proposal
from rempart.trust.policy.audit_configs import audit_from_json
from rempart.trust.policy.duties import check_duties
from rempart.trust.policy.hierarchy import container_of
from rempart.trust.policy.roles import Level
from rempart.trust.policy.testable import check_asked
from rempart.trust.policy.validate import (
    CONDITION_VERSION,
    VERSIONS,
    Place,
    checked_size,
    policy_from_json,
    policy_to_json,
)

_VERSION_FIELD = "options.requestedPolicyVersion"
_PATHS = frozenset(("bindings", "etag", "version", "auditConfigs", "audit_configs"))
_AUDITED = frozenset(("auditConfigs", "audit_configs"))


def shown(policy: Policy, call: Call) -> dict[str, object]:
    """Answer getIamPolicy, by GET with the version in the query or by POST with it in the body."""
    options = _object(call.document, "options")
    asked = options.get("requestedPolicyVersion", call.query.get(_VERSION_FIELD))
    return policy_to_json(policy, requested_version=requested_version(asked, _VERSION_FIELD))


def replaced(old: Policy, call: Call, place: Place, *, etag: str) -> Policy:
    """Return the policy that setIamPolicy asks for; the service stores it.

    `etag` is the fresh one. Raises ABORTED (409) where the request's own etag is not the old
    policy's, FAILED_PRECONDITION where the new one breaks a separation of duties. Audit
    configurations stay as they are unless the request's mask names them, as at Google.
    """
    if "policy" not in call.document:
        raise required("The request has no policy.", field="policy")
    document = _object(call.document, "policy")
    paths = _mask(call.document.get("updateMask"))
    stale = CloudError(
        Code.ABORTED,
        "There were concurrent policy changes. Read the policy again, change that, and retry.",
        reason="conflict",
        field="policy.etag",
    )
    made = successor(old, document, place, etag=etag, stale=stale)
    if "bindings" not in paths:
        made = replace(old, etag=etag)
    audit = audit_from_json(document) if paths & _AUDITED else old.audit
    return checked_size(replace(made, audit=audit))


def newly_given(old: Policy, new: Policy) -> tuple[Member, ...]:
    """Return the members to whom a policy gives what the one before did not give them.

    What was given under a condition is new where the condition is another, or none.
    """
    had = _given(old)
    given = [(one.role, one.condition, member) for one in new.bindings for member in one.members]
    return tuple(dict.fromkeys(each[2] for each in given if each not in had))


def modified(old: Policy, new: Policy) -> tuple[str, ...] | None:
    """Return the roles of which a policy gives or takes something that the one before did not.

    None where it changes what is audited, too: that is no matter of roles.
    """
    before, after = _given(old), _given(new)
    return tuple(sorted({each[0] for each in before ^ after})) if old.audit == new.audit else None


def _given(policy: Policy) -> set[tuple[str, Condition | None, Member]]:
    return {(one.role, one.condition, member) for one in policy.bindings for member in one.members}


def proposed(resource: Resource, old: Policy, new: Policy) -> Proposal:
    """Return what setIamPolicy would make of a resource's policy, for guards that judge it."""
    return Proposal(
        type=f"{resource.name.service}/AllowPolicy",
        change=Change.UPDATE,
        container=container_of(resource),
        name=resource.name.name,
        members=newly_given(old, new),
        roles=modified(old, new),
    )


def permissions_asked(call: Call, level: Level) -> list[str]:
    """Return the permissions that testIamPermissions asks about on a kind of resource.

    The service passes them to its session's `authority.held` and answers with `permissions_held`.
    For a resource that is not there Google answers with no permissions, not with NOT_FOUND.
    """
    named = call.document.get("permissions", [])
    if not isinstance(named, list):
        raise invalid("permissions must be a list.", field="permissions")
    return check_asked(named, level)


def permissions_held(held: list[str]) -> dict[str, object]:
    """Answer testIamPermissions; without any permission the answer is empty."""
    return {"permissions": held} if held else {}


def requested_version(asked: object, field: str) -> int:
    """Return the version that a caller asks for; none means 1.

    `asked` is a number, or its digits where it comes from a query.
    """
    if asked is None or asked == "":
        return 1
    if type(asked) not in {int, str} or str(asked) not in map(str, VERSIONS):
        raise invalid("Requested policy version must be 0, 1 or 3.", field=field)
    return int(str(asked))


def successor(
    old: Policy, document: Mapping[str, object], place: Place, *, etag: str, stale: CloudError
) -> Policy:
    """Return the policy that a policy's JSON asks for, to take the place of `old`.

    An etag must be the old policy's, else `stale` is raised; and with it, conditions that are
    there may only be replaced by a caller who shows by version 3 that it knows of them. Without
    an etag, Google and so we replace whatever there is.
    """
    claimed = document.get("etag") or ""
    if not isinstance(claimed, str):
        raise invalid("The policy's etag must be a text.", field="etag")
    # gcloud and gsutil send what they read back in the URL-safe alphabet of base64.
    if claimed and claimed.replace("-", "+").replace("_", "/") != old.etag:
        raise stale
    version = document.get("version", 1)
    if claimed and old.version == CONDITION_VERSION and version in VERSIONS - {CONDITION_VERSION}:
        raise invalid(
            f"Specified policy version ({version}) cannot be less than the existing policy "
            f"version ({CONDITION_VERSION}).",
            field="version",
        )
    made = policy_from_json(document, place, etag=etag, old=old)
    around = place.around
    if around.duties:
        custom = {name: role.permissions for name, role in around.roles.items()}
        above = [policy for policy in around.above if policy is not old]
        check_duties(around.duties, old, made, above, custom)
    return made


def _mask(asked: object) -> frozenset[str]:
    """Return the fields that an updateMask names; without one, those that Google defaults to."""
    if asked is None or asked == "":
        return frozenset(("bindings", "etag"))
    paths = frozenset(asked.replace(" ", "").split(",")) if isinstance(asked, str) else {""}
    if not paths <= _PATHS:
        raise invalid("updateMask names fields that a policy has not.", field="updateMask")
    return frozenset(paths)


def _object(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = document.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise invalid(f"{name} must be an object.", field=name)
    return found
