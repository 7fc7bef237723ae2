"""Allowed locations: where an identity may be used. Here that is everywhere, so nothing is named.

Source: getAllowedLocations of IAM Credentials v1; google-auth sends what it gets here back in a
header that this universe does not read. `0x0` is Google's word for no boundary.
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.grant import Grant
from rempart.core.names import ResourceName
from rempart.core.policy import Resource
from rempart.services.iamcredentials.store import CredentialsStore

NO_BOUNDARY = "0x0"


async def named(call: Call, store: CredentialsStore) -> Resource:
    """Return what the path names, whether it is there or not."""
    return Resource(ResourceName("iam.googleapis.com", "", call.path["name"]), None)


async def get(grant: Grant, call: Call, store: CredentialsStore) -> Reply:
    """Answer that there is no boundary."""
    return Reply(document={"locations": list(store.setup.regions), "encodedLocations": NO_BOUNDARY})
