"""Views of log buckets, and who may read by them."""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.errors import already_exists, invalid, required
from rempart.core.grant import Grant
from rempart.core.pages import page, page_of
from rempart.core.policy import Policy
from rempart.core.proposal import Proposal
from rempart.services.logging.api import asked
from rempart.services.logging.api.asked import name_of
from rempart.services.logging.kinds import View
from rempart.services.logging.model import config, names
from rempart.services.logging.model.names import ViewName
from rempart.services.logging.store import LoggingStore
from rempart.trust.policy import iam
from rempart.trust.policy.delta import changes
from rempart.trust.policy.roles import Level
from rempart.trust.policy.validate import policy_to_json


async def list_(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """List the views of a log bucket."""
    parent = await store.bucket_name(name_of(call))
    found = config.views(parent, await store.bucket(grant, parent))
    shown = ((id_, config.view_json(str(ViewName(parent, id_)), one)) for id_, one in found.items())
    return Reply(document=page_of("views", shown, page(call.query)))


async def get(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Return a view."""
    name = await store.view_name(name_of(call))
    return _reply(name, await store.view(grant, name))


async def create(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Make a view."""
    parent = await store.bucket_name(name_of(call))
    id_ = call.query.get("viewId", "")
    if not id_:
        raise required("viewId is required.", field="viewId")
    name = ViewName(parent, names.new_id(id_, "viewId"))
    if name.id in config.views(parent, await store.bucket(grant, parent)):
        raise already_exists(f"View {name} already exists.")
    view = config.new_view(call.document, store.now)
    await store.put_view(grant, name, view)
    return _reply(name, view)


async def patch(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Change a view."""
    name = await store.view_name(name_of(call))
    old = await store.view(grant, name)
    paths = config.mask(call.query, "filter", "description")
    view = config.changed_view(old, call.document, paths, store.now)
    if name.id == config.ALL_LOGS and view.filter:
        raise invalid(f"{config.ALL_LOGS} shows all logs.", field="filter")
    await store.put_view(grant, name, view)
    return _reply(name, view)


async def delete(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Delete a view; those that a bucket always has stay."""
    name = await store.view_name(name_of(call))
    await store.view(grant, name)
    if name.id.startswith("_"):
        raise invalid(f"The view {name.id} cannot be deleted.", field="name")
    await store.put_view(grant, name, None)
    return Reply(document={}, audit={"view": str(name)})


async def get_policy(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Return the policy of a view."""
    view = await store.view(grant, await store.view_name(name_of(call)))
    return Reply(document=iam.shown(view.policy, call))


async def set_policy(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Replace the policy of a view."""
    name = await store.view_name(name_of(call))
    view = await store.view(grant, name)
    place = await store.session.place(Level.LOG_VIEW, await asked.view(call, store))
    policy = iam.replaced(view.policy, call, place, etag=store.etag())
    await store.set_view_policy(grant, name, policy)
    shown = policy_to_json(policy, requested_version=policy.version)
    return Reply(document=shown, audit={"view": str(name), **changes(view.policy, policy)})


async def permissions(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Return those of the asked permissions that the caller has on a view."""
    wanted = iam.permissions_asked(call, Level.LOG_VIEW)
    resource = await asked.view(call, store)
    held = await store.session.authority.held(wanted, resource)
    return Reply(document=iam.permissions_held(held))


async def proposes(call: Call, store: LoggingStore) -> Proposal:
    """Return the policy of a view as it would be, by whom it newly gives something."""
    resource = await asked.view(call, store)
    place = await store.session.place(Level.LOG_VIEW, resource)
    old = resource.policies[0] if resource.policies else Policy()
    return iam.proposed(resource, old, iam.replaced(old, call, place, etag=store.etag()))


def _reply(name: ViewName, view: View) -> Reply:
    return Reply(document=config.view_json(str(name), view), audit={"view": str(name)})
