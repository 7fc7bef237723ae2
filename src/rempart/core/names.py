"""Names of resources, as NewTypes: parsed at the rim, trusted inside."""

from __future__ import annotations

from typing import NewType

import msgspec

OrganizationId = NewType("OrganizationId", str)
"""Decimal number of an organization."""

FolderId = NewType("FolderId", str)
"""Decimal number of a folder."""

ProjectId = NewType("ProjectId", str)
"""Project id with the universe's prefix: `lab:demo`."""

ProjectNumber = NewType("ProjectNumber", str)
"""Decimal number of a project."""

BucketName = NewType("BucketName", str)
ObjectName = NewType("ObjectName", str)
ServiceAccountEmail = NewType("ServiceAccountEmail", str)


class ResourceName(msgspec.Struct, frozen=True, gc=False):
    """A resource that a permission is asked on, as Google writes it in IAM conditions.

    `service` and `type` are Google's (`storage.googleapis.com`, `storage.googleapis.com/Bucket`);
    `name` is the relative name (`projects/_/buckets/b/objects/o`).
    """

    service: str
    type: str
    name: str
