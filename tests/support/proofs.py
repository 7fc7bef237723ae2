"""A log on paper with proof bundles out of it: what a cloud could hand out, byte for byte."""

from __future__ import annotations

import hashlib
import io
import json
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from rempart.tlog.checkpoint import Checkpoint
from rempart.tlog.commitment import commitment, digest
from rempart.tlog.growth import Growth
from rempart.tlog.keys import Algorithm, seeded_signer
from rempart.tlog.note import Note, sign_note
from rempart.tlog.policy import Log, Witness, quorum_of
from rempart.tlog.tree import leaf_hash
from rempart.verifier.bundle import FORMAT, Line, Manifest
from rempart.verifier.making import Collected, write_bundle
from rempart.verifier.receipts import Receipt

ORIGIN = "log.example/proofs"
SIGNER = seeded_signer(ORIGIN, Algorithm.ED25519, b"p" * 32)
WITNESS = seeded_signer("witness.example/w1", Algorithm.COSIGNATURE_ED25519, b"w" * 32)
POLICY = quorum_of([Log(SIGNER.key)], [Witness(b"w1", WITNESS.key)], 1)
SHOP, OTHER = "projects/shop", "projects/other"
LISTS = "transparency.projects.openings.list"
ANN, BOB = "user:ann@shop.example", "user:bob@operator.test"
KEY = "projects/shop/locations/eu/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"
_EPOCH_MICROS = 1_785_000_000_000_000
_SECOND = 1_000_000


@dataclass
class PaperProofs:
    """Entries of a log, with what opens them."""

    openings: list[Line] = field(default_factory=list)
    containers: list[str] = field(default_factory=list)

    def add(self, container: str, kind: str, **members: Any) -> int:
        """Add an entry, and return its index."""
        index = len(self.openings)
        leaf = {
            "kind": kind,
            "time": _EPOCH_MICROS + index * 600 * _SECOND,
            "request": f"r{index}",
            "method": "storage.objects.get",
            "container": container,
            **members,
        }
        salt = hashlib.sha256(b"salt %d" % index).digest()
        self.openings.append(Line(index, salt, json.dumps(leaf, ensure_ascii=False)))
        self.containers.append(container)
        return index

    def state(self, container: str, start: int, to: int, **facts: str) -> int:
        """Add the entry that states what was handed out of a container."""
        handed = [(one.index, _commitment(one)) for one in self.of(container, start, to)]
        stated = {"from": str(start), "to": str(to), "count": str(len(handed))}
        stated |= {"digest": digest(handed)} | facts
        return self.add(container, "use", method=LISTS, principal=ANN, facts=stated)

    def of(self, container: str, start: int, to: int) -> list[Line]:
        """Return the openings of a container's entries."""
        return [it for it in self.openings[start:to] if self.containers[it.index] == container]

    def forked(self, at: int) -> PaperProofs:
        """Return a log that says something else from an entry on, under the same key."""
        other = PaperProofs(self.openings[:at], self.containers[:at])
        other.add(OTHER, "event", method="something.else")
        return other

    def receipt(self, index: int) -> Receipt:
        """Return the receipt that came with an entry."""
        return Receipt(index, leaf_hash(_commitment(self.openings[index])))

    def growth(self, size: int) -> Growth:
        grown = Growth()
        grown.append(leaf_hash(_commitment(one)) for one in self.openings[:size])
        return grown

    def note(self, size: int | None = None) -> Note:
        """Return the checkpoint of the first entries, signed and witnessed."""
        size = len(self.openings) if size is None else size
        text = Checkpoint(ORIGIN, size, self.growth(size).root()).text
        return sign_note(text, [SIGNER, WITNESS], 1_785_000_000)

    def bundle(
        self,
        start: int,
        statements: Iterable[int],
        *,
        parent: str = SHOP,
        receipts: Iterable[int] = (),
        earlier: Iterable[int] = (),
        size: int | None = None,
    ) -> bytes:
        """Return the bundle that these statements of the log cover."""
        stating = tuple(statements)
        to = int(json.loads(self.openings[stating[-1]].leaf)["facts"]["to"])
        lines = {one.index: one for one in self.of(parent, start, to)}
        lines |= {at: self.openings[at] for at in stating}
        size = len(self.openings) if size is None else size
        collected = Collected(
            Manifest(FORMAT, parent, start, to, stating),
            POLICY.encode(),
            self.note(size).encode(),
            [lines[at] for at in sorted(lines)],
            tuple(self.receipt(at) for at in receipts),
            tuple(sign_note(self.note(it).text, [SIGNER], 0) for it in earlier),
        )
        tiles = dict(self.growth(size).written())
        file = io.BytesIO()
        write_bundle(file, collected, tiles.__getitem__)
        return file.getvalue()


def story(size: int = 300) -> tuple[PaperProofs, bytes]:
    """Return a log in which little is of the shop, and the bundle of all that is.

    Bob of the operator's staff reads under an approval; Ann writes, is refused, and fetches twice.
    """
    log = PaperProofs()
    while len(log.openings) < size - 30:
        log.add(OTHER, "use")
    first = log.state(SHOP, 0, len(log.openings))
    name = "projects/_/buckets/files/objects/año/=1+1"
    write = {"method": "storage.objects.insert", "principal": ANN, "resource": name}
    intent = log.add(SHOP, "intent", **write, request="w1", remote="192.0.2.7")
    log.add(OTHER, "use")
    log.add(SHOP, "outcome", **write, request="w1", intent=intent, status=200, remote="192.0.2.7")
    log.add(SHOP, "refusal", principal=ANN, resource=name, status=403, message="No.\u202e\n")
    log.add(
        SHOP,
        "support",
        principal=BOB,
        acting=["principal://iam.googleapis.com/locations/global/workforcePools/staff/subject/bob"],
        resource=name,
        status=200,
        remote="2001:db8::1",
        reason="CUSTOMER_INITIATED_SUPPORT",
        approval="projects/shop/approvalRequests/a1",
        key=KEY,
        agent="gcloud",
    )
    older = log.state(SHOP, 0, len(log.openings))
    for _ in range(3):
        log.add(SHOP, "use", principal=ANN, resource="projects/_/buckets/filesystem", key=KEY)
    half = log.state(SHOP, 0, older - 2)
    rest = log.state(SHOP, older - 2, len(log.openings))
    while len(log.openings) < size:
        log.add(OTHER, "use")
    receipts, earlier = (intent, size - 1), (100, first)
    return log, log.bundle(0, (half, rest), receipts=receipts, earlier=earlier)


def members_of(content: bytes) -> dict[str, bytes]:
    """Return the members of an archive that holds, in order."""
    found, at = {}, 0
    while content[at : at + 4] == b"PK\3\4":
        size, length = struct.unpack_from("<IH", content, at + 22)
        start = at + 30 + length
        found[content[at + 30 : start].decode()] = content[start : start + size]
        at = start + size
    return found


def archived(members: Iterable[tuple[str, bytes]]) -> bytes:
    """Return the archive of these members, its checksums true whatever is in them."""
    body, directory, each = bytearray(), bytearray(), list(members)
    for name, content in each:
        numbers = (0x21, crc32(content), len(content), len(content), len(name), 0)
        header = struct.pack("<4s4HH3I2H", b"PK\3\4", 10, 0, 0, 0, *numbers)
        directory += struct.pack("<4s5HH3I2H", b"PK\1\2", 0x314, 10, 0, 0, 0, *numbers)
        directory += struct.pack("<3H2I", 0, 0, 0, 0x81A4 << 16, len(body)) + name.encode()
        body += header + name.encode() + content
    end = struct.pack(
        "<4s4H2IH", b"PK\5\6", 0, 0, len(each), len(each), len(directory), len(body), 0
    )
    return bytes(body + directory + end)


def edited(content: bytes, name: str, edit: Callable[[bytes], bytes]) -> bytes:
    """Return the archive with one member edited, and everything around it true again."""
    found = members_of(content)
    return archived((it, edit(held) if it == name else held) for it, held in found.items())


def _commitment(one: Line) -> bytes:
    return commitment(one.salt, one.leaf.encode())
