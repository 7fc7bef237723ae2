"""Locations: where keys may live, and random bytes from there.

Source: google.cloud.location.Locations; GenerateRandomBytes of google.cloud.kms.v1.
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.document import integer, only, text
from rempart.core.errors import invalid
from rempart.core.grant import Grant
from rempart.services.kms.api.asked import name_of
from rempart.services.kms.model import checksums, names
from rempart.services.kms.model.names import LocationName
from rempart.services.kms.resources import location_json
from rempart.services.kms.store import KmsStore

RANDOM_BYTES_MIN = 8
RANDOM_BYTES_MAX = 1024


async def get(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return a location of this universe."""
    name = names.location(name_of(call))
    store.require_location(name)
    return Reply(document=location_json(name, store.setup.choices))


async def list_(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """List the locations of this universe: few, so in one page."""
    project = name_of(call).removeprefix("projects/")
    every = [
        location_json(LocationName(project, one), store.setup.choices)
        for one in store.setup.locations
    ]
    return Reply(document={"locations": every})


async def generate_random_bytes(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return bytes from the generator of a protection level: the token's, or the machine's."""
    only(call.document, "lengthBytes", "protectionLevel")
    store.require_location(names.location(name_of(call)))
    asked = text(call.document, "protectionLevel")
    level = store.setup.choices.protection(asked, "protectionLevel")
    count = integer(call.document, "lengthBytes", 0) or 0
    if not RANDOM_BYTES_MIN <= count <= RANDOM_BYTES_MAX:
        message = f"lengthBytes is {RANDOM_BYTES_MIN} to {RANDOM_BYTES_MAX}."
        raise invalid(message, field="lengthBytes")
    data = await store.setup.materials.mechanism(level).random(count)
    return Reply(document=checksums.shown("data", data))
