"""Access policies: create, get, list, patch, delete, and their IAM policies."""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.document import only, strings, text, update_mask
from rempart.core.errors import invalid, required
from rempart.core.grant import Grant
from rempart.core.policy import Policy
from rempart.core.proposal import Proposal
from rempart.services.accesscontextmanager.api import asked
from rempart.services.accesscontextmanager.model.levels import check_texts
from rempart.services.accesscontextmanager.model.shapes import Json
from rempart.services.accesscontextmanager.store import Store
from rempart.trust.policy import iam
from rempart.trust.policy.delta import changes
from rempart.trust.policy.perimeters.documents import AccessPolicy
from rempart.trust.policy.roles import Level
from rempart.trust.policy.validate import policy_to_json

_SCOPE_NOUNS = ("folders", "projects")


async def create(grant: Grant, call: Call, store: Store) -> Reply:
    """Create the access policy of an organization, or of a folder or project in it."""
    only(call.document, "name", "parent", "title", "scopes", "etag")
    made = await store.create_policy(
        grant,
        AccessPolicy(
            number="",
            parent=asked.parent(call),
            title=_title(text(call.document, "title")),
            scopes=_scopes(call),
            created=store.now,
        ),
    )
    return await asked.done(grant, store, made, "AccessPolicy", shown(made), made.name)


async def get(grant: Grant, call: Call, store: Store) -> Reply:
    """Return an access policy."""
    return Reply(document=shown(await store.policy(grant, asked.policy_name(call))))


async def list_(grant: Grant, call: Call, store: Store) -> Reply:
    """List the access policies of an organization."""
    found = {one.name: shown(one) for one in await store.policies(grant, asked.parent(call))}
    return asked.page(call, "accessPolicies", found)


async def patch(grant: Grant, call: Call, store: Store) -> Reply:
    """Change the title or the scope."""
    only(call.document, "name", "parent", "title", "scopes", "etag")
    paths = update_mask(call.query)
    if not paths <= {"title", "scopes"}:
        raise invalid("Only title and scopes can be changed.", field="updateMask")
    old = await store.policy(grant, asked.policy_name(call))
    asked.check_etag(text(call.document, "etag"), old.etag)
    title = _title(text(call.document, "title")) if "title" in paths else old.title
    if "scopes" in paths and _scopes(call) != old.scopes:
        raise invalid("The scope of a policy does not change: make another.", field="scopes")
    new = store.put_policy(grant, replace(old, title=title))
    return await asked.done(grant, store, new, "AccessPolicy", shown(new), new.name)


async def delete(grant: Grant, call: Call, store: Store) -> Reply:
    """Delete an access policy with its levels and perimeters."""
    found = await store.policy(grant, asked.policy_name(call))
    store.delete_policy(grant, found)
    return await asked.done(grant, store, found, "", {}, found.name)


async def get_iam(grant: Grant, call: Call, store: Store) -> Reply:
    """Return who may do what with an access policy."""
    found = await store.policy(grant, asked.policy_name(call))
    return Reply(document=iam.shown(found.policy, call))


async def set_iam(grant: Grant, call: Call, store: Store) -> Reply:
    """Say who may do what with an access policy."""
    found = await store.policy(grant, asked.policy_name(call))
    place = await store.session.place(Level.ACCESS_POLICY, await asked.policy(call, store))
    policy = iam.replaced(found.policy, call, place, etag=store.etag())
    store.put_policy(grant, replace(found, policy=policy))
    document = policy_to_json(policy, requested_version=policy.version)
    told = {"resource": found.name, **changes(found.policy, policy)}
    return Reply(document=document, audit=told)


async def proposes_iam(call: Call, store: Store) -> Proposal:
    """Return the policy of an access policy as it would be, by whom it newly gives something."""
    resource = await asked.policy(call, store)
    old = resource.policies[0] if resource.policies else Policy()
    place = await store.session.place(Level.ACCESS_POLICY, resource)
    return iam.proposed(resource, old, iam.replaced(old, call, place, etag=store.etag()))


async def test_iam(grant: Grant, call: Call, store: Store) -> Reply:
    """Return those of the asked permissions that the caller has."""
    wanted = iam.permissions_asked(call, Level.ACCESS_POLICY)
    resource = await asked.policy(call, store)
    held = await store.session.authority.held(wanted, resource)
    return Reply(document=iam.permissions_held(held))


def shown(policy: AccessPolicy) -> Json:
    """Return an access policy as JSON shows it: without what it holds."""
    document: Json = {
        "name": policy.name,
        "parent": policy.parent,
        "title": policy.title,
        "etag": policy.etag,
    }
    return document | ({"scopes": list(policy.scopes)} if policy.scopes else {})


def _title(title: str) -> str:
    if not title:
        raise required("title is required.", field="title")
    check_texts(title, "")
    return title


def _scopes(call: Call) -> tuple[str, ...]:
    scopes = tuple(strings(call.document, "scopes"))
    if len(scopes) > 1 or any(one.partition("/")[0] not in _SCOPE_NOUNS for one in scopes):
        raise invalid("scopes is one folders/NUMBER or projects/NUMBER, or none.", field="scopes")
    return scopes
