"""Trusted organizations, operations, and which services perimeters can restrict.

What other organizations say of devices and credentials is kept for them to agree on; no condition
here asks about either, so it admits nobody.
"""

from __future__ import annotations

import re

from rempart.core.call import Call, Reply
from rempart.core.errors import invalid, not_found
from rempart.core.grant import Grant
from rempart.services.accesscontextmanager.api import asked
from rempart.services.accesscontextmanager.api.parts import Noun, methods
from rempart.services.accesscontextmanager.model.shapes import Json
from rempart.services.accesscontextmanager.store import Store, operation_json
from rempart.trust.policy.perimeters.documents import AccessPolicy, AuthorizedOrgsDesc

ORGS_MAX = 200
_ORGANIZATION = re.compile(r"organizations/[1-9][0-9]{0,19}")


async def _check(
    _grant: Grant, _store: Store, _policy: AccessPolicy, _id: str, desc: AuthorizedOrgsDesc
) -> None:
    if len(desc.orgs) > ORGS_MAX or not all(map(_ORGANIZATION.fullmatch, desc.orgs)):
        message = f"orgs is a list of up to {ORGS_MAX} organizations/NUMBER."
        raise invalid(message, field="orgs")
    for field in ("authorizationType", "assetType", "authorizationDirection"):
        value: str = getattr(desc, re.sub(r"(?=[A-Z])", "_", field).lower())
        if value.endswith("_UNSPECIFIED"):
            raise invalid(f"{field} is required.", field=field)


AUTHORIZED = methods(Noun("authorizedOrgsDescs", AuthorizedOrgsDesc, "authorized", _check))


async def get_operation(grant: Grant, call: Call, store: Store) -> Reply:
    """Return an operation, which is always done."""
    name = call.path["name"]
    return Reply(document=operation_json(name, await store.operation(grant, name)))


async def list_services(grant: Grant, call: Call, store: Store) -> Reply:
    """List the APIs of this universe: each can be restricted by a perimeter."""
    shown = {name: _service(name) for name in store.setup.services()}
    return asked.page(call, "supportedServices", list(shown), shown)


async def get_service(grant: Grant, call: Call, store: Store) -> Reply:
    """Return an API of this universe."""
    name = call.path["name"]
    if name not in set(store.setup.services()):
        raise not_found(f"The service {name[:80]} is not in this universe.")
    return Reply(document=_service(name))


def _service(name: str) -> Json:
    return {
        "name": name,
        "title": f"{name.partition('.')[0]} API",
        "availableOnRestrictedVip": False,
        "serviceSupportStage": "GA",
    }
