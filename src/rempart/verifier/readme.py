"""What a bundle says of itself to somebody who has never heard of Rempart.

The text belongs to the format: a bundle with another one is refused, so that nobody is told by it
what the sender would like.
"""

from __future__ import annotations

README = b"""\
This file is a proof bundle, format rempart.proof.v1.

It is an ordinary ZIP archive, with nothing in it compressed. It shows entries of the log of a
cloud: who did what to the resources of one project, folder or organization. You can check it
without the cloud, without a network and without our programs.

WHAT IS IN IT
bundle.json     whose entries these are, and from where to where in the log they are complete
policy          whose signatures the sender believes. A hint: trust only keys that you were given
                by somebody else than the sender
checkpoint      the signed size and root of the log's tree (C2SP tlog-checkpoint, signed-note)
openings.jsonl  one entry a line: index, salt, leaf (what was recorded)
receipts        what the cloud answered with at the time, one a line: audit/INDEX/LEAF HASH
earlier/...     checkpoints that the log signed before; it must still hold what they signed
tile/...        the hashes that tie the entries to the root (C2SP tlog-tiles)

TO CHECK IT WITH OUR PROGRAM
    rempart verify BUNDLE --key KEY
KEY is the log's public key, a line as its operator or a witness publishes it.

TO CHECK IT BY HAND
1. The signature below the blank line of `checkpoint` is one of the key over the lines above it.
2. For a line of openings.jsonl let
       commitment = SHA-256("rempart.log.v1" || 0x00 || base64-decoded salt || leaf in UTF-8)
       hash       = SHA-256(0x00 || commitment)
   Then hash is the one number (index modulo 256) of the tile of level 0, number index / 256.
3. Each tile of 256 hashes, made a Merkle tree as RFC 6962 says, gives the hash that stands for it
   in the tile of the next level; the last, narrower tiles of all levels give the root.
4. Entries with a method "transparency...openings.list" state how many entries were handed out from
   where to where, and a SHA-256 over them.
All of it is told in docs/spec/proof.md and docs/proof.md of Rempart, whose verifier is free
software, and can be written anew from that page in an afternoon.
"""
