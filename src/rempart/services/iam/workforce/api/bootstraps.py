"""First ways in to an organization: make one, list them all. This universe's own methods.

A one-time token lets one person sign in once, soon, with one role on the organization that ends by
itself. What was made, by whom, and when and from where it was used is listed for ever; the first
administrator's key is in the list (docs/adr/0020-sign-in-by-openid-connect-alone.md).
"""

from __future__ import annotations

from dataclasses import replace as with_

from rempart.core.call import Call, Reply
from rempart.core.clock import Micros, rfc3339
from rempart.core.document import only, seconds, text
from rempart.core.errors import invalid, not_found
from rempart.core.grant import Grant
from rempart.core.names import OrganizationId
from rempart.core.pages import page, paged
from rempart.core.policy import Binding, Condition, Policy
from rempart.core.principal import Member
from rempart.services.iam.store import container_resource
from rempart.services.iam.workforce.api.asked import own_organization
from rempart.services.iam.workforce.model.merging import Json
from rempart.services.iam.workforce.model.pool import failed
from rempart.services.iam.workforce.store import WorkforceStore
from rempart.trust.custody.kind import Found
from rempart.trust.identity.federation import members
from rempart.trust.identity.federation.pools import Pool, Provider
from rempart.trust.identity.workforce.bootstrap import new_token, provider_of
from rempart.trust.identity.workforce.documents import (
    BOOTSTRAPS,
    SECOND,
    Bootstrap,
    digest_of,
)
from rempart.trust.identity.workforce.names import ProviderName
from rempart.trust.policy.duties import check_duties
from rempart.trust.policy.hierarchy import ORGANIZATIONS
from rempart.trust.policy.roles import BASIC, ROLES, Level
from rempart.trust.policy.validate import checked_size

LIFETIME_SECONDS_DEFAULT = 15 * 60
LIFETIME_SECONDS_MAX = 24 * 3600
ROLE_DEFAULT = "roles/resourcemanager.organizationAdmin"
PAGE_SIZE_DEFAULT = PAGE_SIZE_MAX = 100
_ID_BYTES = 4


async def create(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """Make a one-time token; it is shown in this answer and never again."""
    above = await own_organization(call, store)
    only(call.document, "role", "lifetime")
    role, lifetime = _role(text(call.document, "role")), _lifetime(call)
    provider = provider_of(above)
    pool = await _pool(grant, store, above, provider)
    id_ = f"{store.now:014x}{store.setup.world.random(_ID_BYTES).hex()}"
    token = new_token(above, id_, store.setup.world.random)
    member = members.member(str(provider.pool), id_)
    expires = Micros(store.now + lifetime * SECOND)
    made = Bootstrap(
        created=store.now,
        creator=grant.principal.member,
        member=member,
        role=role,
        expires=expires,
        token=digest_of(token),
    )
    store.tx.put(BOOTSTRAPS, above, id_, value=made)
    await _give(store, above, made, Micros(expires + pool.session_seconds * SECOND))
    shown = _json(above, id_, made, store.now)
    told = {"token": token, "provider": str(provider), "signInUri": _site(store)}
    facts = {"bootstrap": str(shown["name"]), "role": role, "expires": rfc3339(expires)}
    return Reply(document={**shown, **told}, audit=facts)


async def list_(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """List every first way in that there ever was, the oldest first."""
    above = await own_organization(call, store)
    asked = page(call.query, default=PAGE_SIZE_DEFAULT, most=PAGE_SIZE_MAX)

    def admit(_: Found[Bootstrap]) -> bool:
        return True

    found, following = await store.listed(BOOTSTRAPS, BOOTSTRAPS.under(above), asked, admit)
    shown = [_json(above, one.id, one.value, store.now) for one in found]
    return Reply(document=paged("bootstraps", shown, following))


def _role(asked: str) -> str:
    role = asked or ROLE_DEFAULT
    found = ROLES.get(role)
    if found is None or role in BASIC or Level.ORGANIZATION not in found.levels:
        message = f"{role[:100]} is no role that can be given for a time on an organization."
        raise invalid(message, field="role")
    return role


def _lifetime(call: Call) -> int:
    asked = seconds(call.document, "lifetime")
    lifetime = LIFETIME_SECONDS_DEFAULT if asked is None else asked
    if not 0 < lifetime <= LIFETIME_SECONDS_MAX:
        raise invalid(f"lifetime is 1s to {LIFETIME_SECONDS_MAX}s.", field="lifetime")
    return lifetime


async def _pool(grant: Grant, store: WorkforceStore, above: str, name: ProviderName) -> Pool:
    """Return the pool of an organization's one-time tokens; the first token brings it about.

    The organization may disable or delete it, and so close this way in.
    """
    found = await store.found_pool(name.pool)
    if found is not None:
        if not found.stands:
            text_ = f"The organization has closed this way in: {name.pool} is disabled or deleted."
            raise failed(text_, "BOOTSTRAP_CLOSED")
        return found
    return _found(grant, store, above, name)


def _found(grant: Grant, store: WorkforceStore, above: str, name: ProviderName) -> Pool:
    made = Pool(
        str(name.pool),
        above,
        store.new_uid(),
        store.now,
        display_name="First ways in",
        description="People who sign in by a one-time token of this universe.",
        policy=store.new_policy(),
    )
    store.put_pool(grant, name.pool, made)
    mapping = {"google.subject": "assertion.sub"}
    store.put_provider(grant, name, Provider(str(name), store.now, mapping))
    return made


async def _give(store: WorkforceStore, above: str, made: Bootstrap, ends: Micros) -> None:
    """Give a role on the organization that ends by itself, in its policy for all to see.

    It is within the limits and the separation of duties that whoever sets the policy is held to.
    """
    number = OrganizationId(above.removeprefix("organizations/"))
    organization = await store.tx.get(ORGANIZATIONS, number)
    if organization is None:
        raise not_found(f"{above} not found.")
    moment = rfc3339(Micros(ends // SECOND * SECOND))
    condition = Condition(f'request.time < timestamp("{moment}")', "First way in")
    binding = Binding(made.role, (Member(made.member),), condition)
    old = organization.policy
    policy = checked_size(Policy((*old.bindings, binding), etag=store.etag(), version=3))
    around = await store.session.authority.around(store.tx, container_resource(above))
    custom = {name: role.permissions for name, role in around.roles.items()}
    check_duties(around.duties, old, policy, (), custom)
    store.tx.put(ORGANIZATIONS, number, value=with_(organization, policy=policy))


def _json(above: str, id_: str, made: Bootstrap, now: int) -> Json:
    shown: Json = {
        "name": f"{above}/bootstraps/{id_}",
        "createTime": rfc3339(Micros(made.created)),
        "creator": made.creator,
        "member": made.member,
        "role": made.role,
        "state": _state(made, now),
    }
    if made.key:
        shown["serviceAccountKey"] = made.key
    else:
        shown["expireTime"] = rfc3339(Micros(made.expires))
    if made.used:
        shown |= {"useTime": rfc3339(Micros(made.used)), "usedFrom": made.remote}
    return shown


def _state(made: Bootstrap, now: int) -> str:
    if made.key:
        return "STANDING"
    if made.used:
        return "USED"
    return "PENDING" if made.expires > now else "EXPIRED"


def _site(store: WorkforceStore) -> str:
    return f"https://auth.cloud.{store.setup.domain}/"
