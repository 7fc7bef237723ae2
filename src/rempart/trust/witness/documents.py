"""What the sequencer keeps: the tiles of the tree, and the newest checkpoint.

A tile is kept under its level and index, as wide as it is by now: what a narrower one has is the
beginning of a wider one.
"""

from __future__ import annotations

import msgspec

from rempart.trust.custody.kind import Kind


class Head(msgspec.Struct, frozen=True, gc=False):
    """The tree as it was last settled, and the checkpoint that was last published of it.

    `published` is a signed note, with the cosignatures of as many witnesses as the policy wants; it
    is empty before the first, and may be of a smaller tree while witnesses do not answer.
    """

    size: int
    root: bytes
    published: bytes = b""
    published_size: int = 0


TILES: Kind[bytes] = Kind(b"=", bytes)
"""By level and index."""

HEADS: Kind[Head] = Kind(b">", Head)
"""One document, by the feed's name."""
