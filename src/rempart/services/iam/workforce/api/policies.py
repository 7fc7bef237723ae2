"""IAM policies of workforce pools.

Source: google.iam.v1.IAMPolicy, as IAM v1 serves it.
"""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.grant import Grant
from rempart.services.iam.workforce.api import asked
from rempart.services.iam.workforce.api.asked import name_of
from rempart.services.iam.workforce.store import WorkforceStore
from rempart.trust.identity.workforce import names
from rempart.trust.policy import iam
from rempart.trust.policy.delta import changes
from rempart.trust.policy.roles import Level
from rempart.trust.policy.validate import policy_to_json


async def get(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """Return the policy of a pool."""
    found = await store.pool(grant, names.pool(name_of(call)))
    return Reply(document=iam.shown(found.policy, call))


async def set_(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """Replace the policy of a pool."""
    name = names.pool(name_of(call))
    old = await store.pool(grant, name)
    place = await store.session.place(Level.WORKFORCE_POOL, await asked.pool(call, store))
    policy = iam.replaced(old.policy, call, place, etag=store.etag())
    store.put_pool(grant, name, replace(old, policy=policy))
    shown = policy_to_json(policy, requested_version=policy.version)
    told = {"workforcePool": str(name), **changes(old.policy, policy)}
    return Reply(document=shown, audit=told)


async def test(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """Return those of the asked permissions that the caller has."""
    wanted = iam.permissions_asked(call, Level.WORKFORCE_POOL)
    held = await store.session.authority.held(wanted, await asked.pool(call, store))
    return Reply(document=iam.permissions_held(held))
