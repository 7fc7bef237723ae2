"""A second verifier of proof bundles, from docs/spec/proof.md, RFC 6962 and C2SP's texts alone.

It imports nothing of Rempart, and reads as the page does: plain, slow, from top to bottom. Of the
signature types of C2SP it knows Ed25519, of a log and of a witness.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
import zlib
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

README = "abf8fb97c6074267732c6aec2d91fc5d8c18b9c7e86b555befe15d89e62c4a54"
FIRST = ["README.txt", "bundle.json", "policy", "checkpoint", "openings.jsonl", "receipts"]
MOST = 2**63 - 1
NOUNS = ("projects", "folders", "organizations")
Tiles = dict[tuple[int, int, int], bytes]


class Refused(Exception):  # noqa: N818 - it is named for what was found
    """The bundle does not hold."""


class Undecided(Exception):  # noqa: N818 - it is named for what was found
    """Nothing is wrong, and something cannot be told."""


def need(holds: object, why: str) -> None:
    if not holds:
        raise Refused(why)


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


# The archive


def read_archive(content: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    central, at, count = b"", 0, 0
    while content[at : at + 4] == b"PK\x03\x04":
        need(len(content) >= at + 30, "cut in a header")
        crc, size = struct.unpack_from("<II", content, at + 14)
        (length,) = struct.unpack_from("<H", content, at + 26)
        name = content[at + 30 : at + 30 + length]
        need(1 <= len(name) == length <= 64 and name.isascii(), "a name")
        fixed = struct.pack("<HHHHHIIIHH", 10, 0, 0, 0, 0x21, crc, size, size, length, 0)
        need(content[at : at + 30] == b"PK\x03\x04" + fixed, "a local header")
        start = at + 30 + length
        body = content[start : start + size]
        need(len(body) == size and zlib.crc32(body) == crc, "a checksum")
        need(name.decode() not in found, "a member twice")
        found[name.decode()] = body
        central += b"PK\x01\x02" + struct.pack("<H", 0x314) + fixed
        central += struct.pack("<HHHII", 0, 0, 0, 0x81A40000, at) + name
        at, count = start + size, count + 1
    need(1 <= count <= 65534 and len(content) < 2**32, "too much, or nothing")
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(central), at, 0)
    need(content[at:] == central + b"PK\x05\x06" + end, "the directory")
    return found


# JSON, numbers, base64


def number(text: str) -> int:
    need(re.fullmatch("0|[1-9][0-9]{0,18}", text) and int(text) <= MOST, f"number {text[:30]!r}")
    return int(text)


def from_base64(text: str) -> bytes:
    try:
        content = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError as problem:
        raise Refused("base64") from problem
    need(base64.b64encode(content).decode() == text, "base64")
    return content


def object_of(text: str) -> dict[str, Any]:
    def no(_: str) -> None:
        raise ValueError

    try:
        found = json.loads(text, parse_constant=no)
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as problem:
        raise Refused("JSON") from problem
    need(isinstance(found, dict), "an object")
    return dict(found)


def spelled(content: bytes, members: dict[str, type]) -> dict[str, Any]:
    """Return the object of a line in its one spelling, with exactly these members."""
    need(content.endswith(b"\n"), "a newline")
    try:
        found = object_of(content[:-1].decode())
    except UnicodeDecodeError as problem:
        raise Refused("UTF-8") from problem
    need(list(found) == list(members), "its members")
    need(all(type(found[it]) is kind for it, kind in members.items()), "types of members")
    again = json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()
    need(again + b"\n" == content, "another spelling")
    return found


# Signed notes, checkpoints, policies


def read_note(content: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    need(len(content) <= 1_000_000, "a long note")
    try:
        text, blank, signatures = content.decode().rpartition("\n\n")
    except UnicodeDecodeError as problem:
        raise Refused("UTF-8") from problem
    need(blank and signatures.endswith("\n"), "a note")
    need(not re.search("[\x00-\x09\x0b-\x1f]", text), "control characters")
    lines = signatures[:-1].split("\n")
    need(len(lines) <= 100, "signatures")
    found = []
    for line in lines:
        parts = re.fullmatch("— ([^ +]+) ([^ ]+)", line)
        need(parts, "a signature line")
        assert parts
        need(not re.search(r"\s|[\x00-\x1f\x7f]", parts[1]), "a key name")
        signature = from_base64(parts[2])
        need(len(signature) > 4, "a short signature")
        found.append((parts[1], signature))
    return text + "\n", found


def read_checkpoint(text: str) -> tuple[str, int, bytes]:
    lines = text.split("\n")
    need(len(lines) >= 4 and lines[-1] == "" and all(lines[:-1]), "a checkpoint")
    need(not re.search("[\x00-\x1f\x7f]", "".join(lines)), "control characters")
    root = from_base64(lines[2])
    need(len(root) == 32, "a root")
    return lines[0], number(lines[1]), root


class Key:
    def __init__(self, text: str, kind: int) -> None:
        parts = re.fullmatch(r"([^+\s]+)\+([0-9a-f]{8})\+(\S+)", text)
        need(parts, "a verifier key")
        assert parts
        content = from_base64(parts[3])
        need(content[:1] == bytes([kind]) and len(content) == 33, "a kind of key")
        self.text, self.name, self.kind, self.public = text, parts[1], kind, content[1:]
        self.id = sha(self.name.encode(), b"\n", content)[:4]
        need(self.id.hex() == parts[2], "a key's id")

    def check(self, text: str, signature: bytes) -> None:
        message = text.encode()
        if self.kind == 4:
            need(len(signature) == 72, "a cosignature")
            (seconds,) = struct.unpack(">Q", signature[:8])
            need(seconds <= MOST, "a time")
            message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
            signature = signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature as problem:
            raise Refused(f"a false signature of {self.name}") from problem


class Policy:
    def __init__(self, text: str) -> None:
        self.logs: list[Key] = []
        self.witnesses: dict[str, Key] = {}
        self.groups: list[tuple[str, int, list[str]]] = []
        self.quorum = ""
        kinds = ["log", "witness", "group", "quorum"]
        need(text.endswith("\n") and len(text) <= 1 << 20, "a policy")
        seen = []
        for line in text[:-1].split("\n"):
            word, *rest = line.split(" ")
            need(word in kinds and all(rest) and rest, "a line of the policy")
            seen.append(kinds.index(word))
            getattr(self, f"_{word}")(rest)
        need(seen == sorted(seen) and seen[-1:] == [3] and seen.count(3) == 1, "order of a policy")

    def _log(self, rest: list[str]) -> None:
        need(len(rest) <= 2, "a log")
        self.logs.append(Key(rest[0], 1))

    def _witness(self, rest: list[str]) -> None:
        need(2 <= len(rest) <= 3 and rest[0] not in {"none", *self.witnesses}, "a witness")
        self.witnesses[rest[0]] = Key(rest[1], 4)

    def _group(self, rest: list[str]) -> None:
        need(len(rest) > 2, "a group")
        name, count, *members = rest
        known = {*self.witnesses, *(it[0] for it in self.groups)}
        need(set(members) <= known and name not in known, "a group")
        need(1 <= number(count) <= len(members), "a threshold")
        self.groups.append((name, number(count), members))

    def _quorum(self, rest: list[str]) -> None:
        known = {"none", *self.witnesses, *(it[0] for it in self.groups)}
        need(len(rest) == 1 and rest[0] in known, "a quorum")
        self.quorum = rest[0]

    def check(self, content: bytes, *, witnessed: bool = True) -> tuple[str, int, bytes]:
        """Return the checkpoint that these signatures make believed."""
        text, signatures = read_note(content)
        seen = read_checkpoint(text)
        by_log, cosigned = 0, {"none"}
        for name, signature in signatures:
            for key in self.logs:
                if (key.name, key.id) == (name, signature[:4]) and name == seen[0]:
                    key.check(text, signature[4:])
                    by_log += 1
            for own, key in self.witnesses.items():
                if (key.name, key.id) == (name, signature[:4]):
                    key.check(text, signature[4:])
                    cosigned.add(own)
        need(by_log, "no signature of the log")
        for name, count, members in self.groups:
            if len(cosigned & set(members)) >= count:
                cosigned.add(name)
        need(not witnessed or self.quorum in cosigned, "no quorum")
        return seen


# The tree, by RFC 6962's own recursion


def split(count: int) -> int:
    """Return the largest power of two below a count."""
    return 1 << (count - 1).bit_length() - 1


def tree_hash(hashes: list[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    middle = split(len(hashes))
    return sha(b"\x01", tree_hash(hashes[:middle]), tree_hash(hashes[middle:]))


def hashes_of(tile: bytes) -> list[bytes]:
    return [tile[at : at + 32] for at in range(0, len(tile), 32)]


def width(level: int, at: int, size: int) -> int:
    return max(0, min(256, (size >> 8 * level) - 256 * at))


def proof_ranges(old: int, low: int, high: int, *, whole: bool = True) -> list[tuple[int, int]]:
    """Return the ranges of leaves whose hashes are PROOF(old, D[low:high])."""
    if old == high - low:
        return [] if whole else [(low, high)]
    middle = split(high - low)
    if old <= middle:
        return [*proof_ranges(old, low, low + middle, whole=whole), (low + middle, high)]
    return [*proof_ranges(old - middle, low + middle, high, whole=False), (low, low + middle)]


def subtrees(low: int, high: int) -> list[tuple[int, int]]:
    """Return the complete subtrees that a range splits into, as height and number."""
    if high - low == 1 << (high - low).bit_length() - 1:
        return [((high - low).bit_length() - 1, low // (high - low))]
    middle = low + split(high - low)
    return [*subtrees(low, middle), *subtrees(middle, high)]


def place(height: int, at: int) -> tuple[int, int, int]:
    """Return level and number of the tile that a complete subtree is in, and its first hash."""
    level, rest = divmod(height, 8)
    return level, (at << rest) // 256, (at << rest) % 256


def due(size: int, entries: list[int], earlier: list[int]) -> set[tuple[int, int, int]]:
    found, level = set(), 0
    while count := size >> 8 * level:
        if count % 256:
            found.add((level, count // 256, count % 256))
        level += 1
    below = [(0, at // 256) for at in entries]
    for old in earlier:
        if 0 < old < size:
            ranges = proof_ranges(old, 0, size)
            below += [place(*it)[:2] for both in ranges for it in subtrees(*both)]
    for tile in below:
        level, at = tile
        while width(level, at, size):
            found.add((level, at, width(level, at, size)))
            level, at = level + 1, at // 256
    return found


def check_tiles(size: int, root: bytes, tiles: Tiles) -> None:
    need(all(len(held) == 32 * it[2] for it, held in tiles.items()), "the size of a tile")
    level, edge = 0, list[bytes]()
    while count := size >> 8 * level:
        if count % 256:
            hashes = hashes_of(tiles[level, count // 256, count % 256])
            parts, at = [], 0
            for bit in range(8, -1, -1):
                if len(hashes) >> bit & 1:
                    parts.append(tree_hash(hashes[at : at + (1 << bit)]))
                    at += 1 << bit
            edge = parts + edge
        level += 1
    folded = edge.pop()
    while edge:
        folded = sha(b"\x01", edge.pop(), folded)
    need(folded == root, "the root")
    for (level, at, wide), held in tiles.items():
        if wide == 256:
            above = tiles[level + 1, at // 256, width(level + 1, at // 256, size)]
            need(tree_hash(hashes_of(held)) == hashes_of(above)[at % 256], "a tile below another")


def read_range(low: int, high: int, tiles: Tiles) -> bytes:
    """Return the hash of a range of leaves, out of the widest tiles that there are."""
    if high - low != 1 << (high - low).bit_length() - 1:
        middle = low + split(high - low)
        return sha(b"\x01", read_range(low, middle, tiles), read_range(middle, high, tiles))
    [(height, number_)] = subtrees(low, high)
    level, at, first = place(height, number_)
    widest = max((it for it in tiles if it[:2] == (level, at)), default=None)
    count = 1 << height % 8
    if widest is None or widest[2] < first + count:
        raise Undecided(f"tile {level}/{at}")
    return tree_hash(hashes_of(tiles[widest])[first : first + count])


def check_continues(old: int, old_root: bytes, size: int, root: bytes, tiles: Tiles) -> None:
    if old > size:
        raise Undecided("an older tree")
    if old in {0, size}:
        need(old_root == (sha() if old == 0 else root), "two roots of one size")
        return
    hashes = {both: read_range(*both, tiles) for both in proof_ranges(old, 0, size)}

    def rebuilt(low: int, high: int, *, within: int) -> bytes:
        """Return the root of the first `within` leaves of all, from the proof's hashes."""
        if (low, min(high, within)) in hashes:
            return hashes[low, min(high, within)]
        if high <= within and low == 0 and high == old:
            return old_root
        middle = low + split(high - low)
        if within <= middle:
            return rebuilt(low, middle, within=within)
        right = rebuilt(middle, high, within=within)
        return sha(b"\x01", rebuilt(low, middle, within=within), right)

    need(rebuilt(0, size, within=old) == old_root, "the older root")
    need(rebuilt(0, size, within=size) == root, "the newer root")


# The bundle


LEAF: dict[str, tuple[type, Any]] = {
    "kind": (str, None), "request": (str, None), "method": (str, None), "time": (int, None),
    "container": (str, ""), "principal": (str, ""), "resource": (str, ""), "key": (str, ""),
    "status": (int, 0), "permission": (str, ""), "remote": (str, ""), "service": (str, ""),
    "agent": (str, ""), "message": (str, ""), "reason": (str, ""), "approval": (str, ""),
}  # fmt: skip


class Entry:
    def __init__(self, line: bytes) -> None:
        found = spelled(line, {"index": int, "salt": str, "leaf": str})
        self.index = found["index"]
        need(0 <= self.index < MOST and len(line) <= 4 << 20, "an index")
        salt = from_base64(found["salt"])
        need(len(salt) == 32, "a salt")
        self.commitment = sha(b"rempart.log.v1\x00", salt, found["leaf"].encode())
        self.leaf_hash = sha(b"\x00", self.commitment)
        leaf = object_of(found["leaf"])
        self.says = {it: leaf.get(it, other) for it, (_, other) in LEAF.items()}
        need(all(type(self.says[it]) is kind for it, (kind, _) in LEAF.items()), "a leaf")
        self.intent, self.facts = leaf.get("intent"), leaf.get("facts", {})
        need(self.intent is None or type(self.intent) is int, "an intent")
        need(isinstance(self.facts, dict), "facts")
        need(all(isinstance(it, str) for it in self.facts.values()), "facts")
        acting = leaf.get("acting", [])
        need(isinstance(acting, list) and all(isinstance(it, str) for it in acting), "acting")

    @property
    def row(self) -> bytes:
        return struct.pack(">Q", self.index) + self.commitment

    def states(self, nouns: tuple[str, ...]) -> tuple[int, int, int, str] | None:
        methods = {f"transparency.{it}.openings.list" for it in nouns}
        if self.says["method"] not in methods or "digest" not in self.facts:
            return None
        need({"from", "to", "count"} <= set(self.facts), "a statement")
        start, to, count = (number(self.facts[it]) for it in ("from", "to", "count"))
        return start, to, count, self.facts["digest"]


class Bundle:
    """A bundle as read; `holds` checks it."""

    def __init__(self, content: bytes) -> None:
        members = read_archive(content)
        names = list(members)
        need(names[:6] == FIRST, "the members")
        need(hashlib.sha256(members["README.txt"]).hexdigest() == README, "README.txt")
        self._claims(members["bundle.json"])
        try:
            self.policy = Policy(members["policy"].decode())
        except UnicodeDecodeError as problem:
            raise Refused("text") from problem
        self.note = members["checkpoint"]
        self.origin, self.size, self.root = read_checkpoint(read_note(self.note)[0])
        self.entries = [Entry(it + b"\n") for it in _lines(members["openings.jsonl"])]
        indices = [it.index for it in self.entries]
        need(indices == sorted(set(indices)), "order of entries")
        self.receipts = [_receipt(it) for it in _lines(members["receipts"])]
        earlier = [it for it in names[6:] if it.startswith("earlier/")]
        need(names[6:][: len(earlier)] == earlier, "order of members")
        self.earlier = [members[it] for it in earlier]
        self.earlier_sizes = [read_checkpoint(read_note(it)[0])[1] for it in self.earlier]
        need(self.earlier_sizes == sorted(set(self.earlier_sizes)), "order of earlier")
        need(earlier == [f"earlier/{it}" for it in self.earlier_sizes], "earlier")
        need(self.claims["earlier"] == self.earlier_sizes, "earlier, as claimed")
        need(self.claims["receipts"] == len(self.receipts), "receipts, as claimed")
        tiles = names[6 + len(earlier) :]
        places = [_tile(it) for it in tiles]
        need(places == sorted(set(places)), "order of tiles")
        self.tiles = dict(zip(places, (members[it] for it in tiles), strict=True))

    def _claims(self, content: bytes) -> None:
        kinds = {"format": str, "parent": str, "from": int, "to": int, "statements": list}
        kinds |= {"receipts": int, "earlier": list}
        need(len(content) <= 4 << 20, "bundle.json")
        self.claims = spelled(content, kinds)
        self.statements = self.claims["statements"]
        numbers = [self.claims["from"], self.claims["to"], *self.statements]
        need(all(type(it) is int and 0 <= it <= MOST for it in numbers), "numbers")
        need(self.statements == sorted(set(self.statements)), "order of statements")
        need(self.claims["format"] == "rempart.proof.v1", "the format")

    def within(self, start: int, to: int, container: str = "") -> tuple[int, str]:
        """Return count and digest of the entries of a span, of one container if named."""
        found = [
            it.row for it in self.entries
            if start <= it.index < to and container in ("", it.says["container"])
        ]  # fmt: skip
        return len(found), sha(*found).hex()


def _lines(content: bytes) -> list[bytes]:
    need(not content or content.endswith(b"\n"), "a newline")
    return content.split(b"\n")[:-1]


def _receipt(line: bytes) -> tuple[int, bytes]:
    parts = re.fullmatch(rb"audit/([0-9]+)/([0-9a-f]{64})", line)
    need(parts, "a receipt")
    assert parts
    return number(parts[1].decode()), bytes.fromhex(parts[2].decode())


def _tile(path: str) -> tuple[int, int, int]:
    parts = re.fullmatch(r"tile/(\d{1,2})/((?:x\d{3}/)*\d{3})(?:\.p/(\d{1,3}))?", path, re.ASCII)
    need(parts, "the path of a tile")
    assert parts
    level, at = int(parts[1]), int(parts[2].replace("x", "").replace("/", ""))
    wide = int(parts[3] or 256)
    groups = f"{at % 1000:03d}"
    rest = at // 1000
    while rest:
        groups, rest = f"x{rest % 1000:03d}/{groups}", rest // 1000
    suffix = "" if parts[3] is None else f".p/{wide}"
    need(path == f"tile/{level}/{groups}{suffix}" and 1 <= wide <= 256 and level < 64, "a tile")
    need(parts[3] is None or wide < 256, "a tile")
    return level, at, wide


def check(content: bytes, trusted: str) -> Bundle:
    """Return a bundle that holds for whoever trusts this policy, or raise why it does not."""
    bundle, policy = Bundle(content), Policy(trusted)
    policy.check(bundle.note)
    bundle.policy.check(bundle.note)
    start, to, parent = (bundle.claims[it] for it in ("from", "to", "parent"))
    need(max([to, *bundle.earlier_sizes]) <= bundle.size, "more than the tree")
    noun = parent.partition("/")[0]
    need(noun in NOUNS and "/" in parent, "the parent")
    _check_entries(bundle, start, to, parent, within=noun != "projects")
    _check_tree(bundle)
    _check_complete(bundle, start, to, parent)
    for note, size in zip(bundle.earlier, bundle.earlier_sizes, strict=True):
        origin, _, root = policy.check(note, witnessed=False)
        need(origin == bundle.origin, "another log")
        try:
            check_continues(size, root, bundle.size, bundle.root, bundle.tiles)
        except Undecided as problem:
            raise Refused("tiles") from problem
    opened = {it.index for it in bundle.entries}
    if any(start <= at < to and at not in opened for at, _ in bundle.receipts):
        raise Undecided("a receipt of an entry that is not opened")
    return bundle


def _check_entries(bundle: Bundle, start: int, to: int, parent: str, *, within: bool) -> None:
    intents: dict[int, str] = {}
    for one in bundle.entries:
        container, kind, request = (one.says[it] for it in ("container", "kind", "request"))
        need(container == parent or (within and container), "an entry of another")
        need(start <= one.index < to or one.index in bundle.statements, "outside of the span")
        if kind == "intent":
            intents[one.index] = request
        if kind == "outcome" and one.intent is not None and not 0 <= one.intent < start:
            need(intents.pop(one.intent, None) == request, "an outcome without its intent")


def _check_tree(bundle: Bundle) -> None:
    indices = [it.index for it in bundle.entries] + [at for at, _ in bundle.receipts]
    need(all(at < bundle.size for at in indices), "beyond the tree")
    need(set(bundle.tiles) == due(bundle.size, indices, bundle.earlier_sizes), "which tiles")
    check_tiles(bundle.size, bundle.root, bundle.tiles)
    shown = [(it.index, it.leaf_hash) for it in bundle.entries] + bundle.receipts
    for index, leaf in shown:
        at = index // 256
        held = bundle.tiles[0, at, width(0, at, bundle.size)]
        need(hashes_of(held)[index % 256] == leaf, f"entry {index}")


def _check_complete(bundle: Bundle, start: int, to: int, parent: str) -> None:
    by_index = {it.index: it for it in bundle.entries}
    at = start
    for index in bundle.statements:
        need(index in by_index, "a statement that is not there")
        stated = by_index[index].states(NOUNS)
        need(stated and by_index[index].says["container"] == parent, "no statement")
        assert stated
        low, high, *told = stated
        need(low == at <= high <= index and tuple(told) == bundle.within(low, high), "a count")
        at = high
    need(at == to and bundle.statements, "a gap")
    for one in bundle.entries:
        stated = one.states(NOUNS)
        if stated is None or one.index in bundle.statements or not one.states(("projects",)):
            continue
        low, high, count, digest = stated
        if start <= low <= high <= to:
            found = bundle.within(low, high, one.says["container"])
            need(count > found[0] or (count, digest) == found, "an older statement")


def check_one_history(first: Bundle, second: Bundle) -> None:
    """Check that two bundles that hold are of one history; raises `Refused` or `Undecided`."""
    older, newer = sorted((first, second), key=lambda it: it.size)
    need(older.origin == newer.origin, "two logs")
    for (level, at, _), held in older.tiles.items():
        for (other, number_, _), theirs in newer.tiles.items():
            shared = min(len(held), len(theirs))
            if (level, at) == (other, number_):
                need(held[:shared] == theirs[:shared], "two histories")
    both = {**older.tiles, **newer.tiles}
    check_continues(older.size, older.root, newer.size, newer.root, both)
