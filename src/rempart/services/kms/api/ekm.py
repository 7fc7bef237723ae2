"""External key managers: connections to them, and a location's settings.

Source: google.cloud.kms.v1.EkmService. Connections are never deleted, as at Google: the keys that
lie behind them would be lost.
"""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.access_reasons import CUSTOMER_INITIATED_ACCESS
from rempart.core.call import Call, Reply
from rempart.core.document import only, text, update_mask
from rempart.core.errors import invalid
from rempart.core.grant import Grant
from rempart.services.kms import connections
from rempart.services.kms.api.asked import name_of
from rempart.services.kms.api.key_rings import listed
from rempart.services.kms.ekm_resources import Json, ekm_config_json, ekm_connection_json
from rempart.services.kms.kinds import EKM_CONNECTION
from rempart.services.kms.model import names
from rempart.services.kms.model.ekm_connection import EkmConnection, changed, new_connection
from rempart.services.kms.model.listing import page
from rempart.services.kms.model.names import EkmConnectionName
from rempart.services.kms.store import KmsStore
from rempart.trust.custody.external.caller import Location, Use
from rempart.trust.custody.kind import Found

_DEFAULT = "defaultEkmConnection"


async def create(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Create a connection; whether a manager answers there is `verifyConnectivity`'s question."""
    above = names.location(name_of(call))
    store.require_location(above)
    id_ = names.new_id(call.query.get("ekmConnectionId", ""), "ekmConnectionId")
    name = EkmConnectionName(above, id_)
    made = new_connection(call.document, store.new_policy(), store.policy_etag(), store.now)
    await connections.create_connection(store, grant, name, made)
    return _reply(name, made)


async def get(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return a connection."""
    name = names.ekm_connection(name_of(call))
    found = await connections.connection(store, grant, name)
    return Reply(document=ekm_connection_json(name, found))


async def list_(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """List the connections of a location."""
    above = names.location(name_of(call))
    store.require_location(above)
    asked = page(call.query)

    async def show(found: Found[EkmConnection]) -> Json:
        return ekm_connection_json(EkmConnectionName(above, found.id), found.value)

    shown, following = await store.listed(grant, EKM_CONNECTION, above.parts, asked, show)
    total = 0 if asked.filtered else await connections.connection_count(store, grant, above)
    return listed("ekmConnections", shown, following, total)


async def patch(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Change the members of a connection that the mask names; its keys follow at once."""
    name = names.ekm_connection(name_of(call))
    old = await connections.connection(store, grant, name)
    new = changed(old, call.document, update_mask(call.query), store.policy_etag())
    connections.put_connection(store, grant, name, new)
    return _reply(name, new)


async def verify_connectivity(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Ask the manager who it is and, in CLOUD_KMS mode, whether keys may be made in the space."""
    name = names.ekm_connection(name_of(call))
    found = await connections.connection(store, grant, name)
    place = found.resolver.place
    agent = await store.setup.directory.agent(name.parent.project)
    await store.setup.caller.info(place, agent)
    if found.coordinated:
        use = Use(
            agent=agent,
            resource=str(name),
            reason=CUSTOMER_INITIATED_ACCESS,
            principal=grant.principal.member,
            operation=call.method,
            request=call.request_id,
            approved=grant.approval,
        )
        await store.setup.caller.check_space(Location(place, found.space), use)
    return Reply(document={})


async def get_config(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return a location's settings."""
    name = names.ekm_config(name_of(call))
    return Reply(document=ekm_config_json(name, await connections.config(store, grant, name)))


async def update_config(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Set or remove the connection that keys of the location have unless they name another."""
    name = names.ekm_config(name_of(call))
    old = await connections.config(store, grant, name)
    only(call.document, "name", _DEFAULT)
    if update_mask(call.query) != {_DEFAULT}:
        raise invalid(f"Of an EkmConfig only {_DEFAULT} can be updated.", field="updateMask")
    default = text(call.document, _DEFAULT)
    if default:
        chosen = names.ekm_connection(default)
        if chosen.parent != name.parent:
            raise invalid("The connection lies in another location.", field=_DEFAULT)
        await connections.connection(store, grant, chosen)
    new = replace(old, default=default)
    connections.put_config(store, grant, name, new)
    return Reply(document=ekm_config_json(name, new), audit={"ekmConfig": str(name)})


def _reply(name: EkmConnectionName, connection: EkmConnection) -> Reply:
    shown = ekm_connection_json(name, connection)
    return Reply(document=shown, audit={"ekmConnection": str(name)})
