"""The documents of tags. Bindings are policy's own: `trust/policy/tags.py`."""

from __future__ import annotations

import msgspec

from rempart.services.resourcemanager.tags.model import TagKey, TagValue
from rempart.trust.custody.kind import Kind


class Named(msgspec.Struct, frozen=True):
    """What has a short name."""

    id: str


TAG_KEY: Kind[TagKey] = Kind(b"t", TagKey, hot=1024)
"""By id."""

TAG_VALUE: Kind[TagValue] = Kind(b"w", TagValue, hot=4096)
"""By id."""

TAG_NAME: Kind[Named] = Kind(b"z", Named)
"""By (what it lies in, short name): keys in `organizations/N` or `projects/NUMBER`, values in
`tagKeys/ID`."""
