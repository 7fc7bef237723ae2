"""A bucket of a million objects in a minute: records written in big batches, no request each.

The objects share the content of one that was uploaded; a listing reads nothing but records. The log
does not know them, so such a universe is thrown away after the measurement.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from rempart import app, config
from rempart.core.clock import World
from rempart.services.storage.kinds import BUCKET, LIVE
from rempart.trust.custody.sealing.files import clear_keyring

BATCH_OBJECTS = 5000


async def fill(data: Path, bucket_name: str, model: str, count: int) -> None:
    """Put `count` objects like `model` into a bucket of a universe that is stopped."""
    settings, world = config.load(data, config.Flags()), World()
    keyring = clear_keyring(data)
    engine = await app.open_engine(data, settings, keyring, lambda _reason: None)
    try:
        sealed = app.assemble(engine, keyring, settings, world).sealed
        look = sealed.transaction()
        bucket = await look.get(BUCKET, bucket_name)
        if bucket is None:
            raise LookupError(bucket_name)
        found = await look.get(LIVE, bucket.id, model)
        if found is None:
            raise LookupError(model)
        for start in range(0, count, BATCH_OBJECTS):
            write = sealed.transaction()
            for index in range(start, min(start + BATCH_OBJECTS, count)):
                name = object_name(index)
                made = msgspec.structs.replace(found, name=type(found.name)(name))
                write.put(LIVE, bucket.id, name, value=made)
            await write.commit()
    finally:
        await engine.close()


def object_name(index: int) -> str:
    """Return the name of an object of such a bucket; names sort as their numbers do."""
    return f"o/{index:08d}"
