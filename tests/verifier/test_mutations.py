"""Thousands of ways to alter a bundle: each is named, by our verifier and by the second one."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator

import pytest

from rempart.tlog.errors import Malformed
from rempart.verifier.bundle import parse_bundle
from rempart.verifier.checks import Asked, verify
from rempart.verifier.findings import HOLDS, verdict
from support.proofs import POLICY, archived, edited, members_of, story
from support.second_verifier import Refused, Undecided, check

Edit = Callable[[bytes], bytes]
LOG, BUNDLE = story()
MEMBERS = members_of(BUNDLE)
COUNT_OF_FILE, COUNT_OF_MEMBERS = 6000, 1800
SECOND_EVERY = 5
"""The second verifier looks at one edit in so many: it is written to be read, not to be fast."""


def named(content: bytes) -> str:
    """Return what our verifier says is wrong, empty where nothing is."""
    try:
        found = verify(parse_bundle(memoryview(content)), Asked(POLICY))
    except Malformed as problem:
        return str(problem)
    if verdict(found.checks) == HOLDS:
        return ""
    return next(problem for one in found.checks for problem in (*one.problems, *one.open))


def refused_by_the_second(content: bytes) -> bool:
    try:
        check(content, POLICY.encode().decode())
    except (Refused, Undecided):
        return True
    return False


def one_byte(content: bytes, chance: random.Random) -> bytes:
    """Return the content with one edit, by chance."""
    at = chance.randrange(len(content))
    match chance.randrange(6):
        case 0:
            return (
                content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]
            )
        case 1:
            return content[:at] + content[at + 1 :]
        case 2:
            return content[:at] + bytes([chance.randrange(256)]) + content[at:]
        case 3:
            return content[:at]
        case 4:
            return content[:at] + content[at : at + 40] + content[at:]
        case _:
            other = chance.randrange(len(content))
            low, high = min(at, other), max(at, other)
            return content[:low] + content[high:] + content[low:high]


def edits_of_the_file() -> Iterator[bytes]:
    chance = random.Random(1)
    for _ in range(COUNT_OF_FILE):
        yield one_byte(BUNDLE, chance)
    yield BUNDLE + b"\0"
    yield BUNDLE + BUNDLE


def edits_of_members() -> Iterator[bytes]:
    """Yield bundles with one member altered, whose checksums are true: what a forger hands out."""
    chance = random.Random(2)
    names = list(MEMBERS)
    weights = [max(1, min(len(it), 1500)) for it in MEMBERS.values()]
    for name in chance.choices(names, weights, k=COUNT_OF_MEMBERS):
        yield edited(BUNDLE, name, lambda held: one_byte(held, chance))


def without(at: int) -> Edit:
    def edit(content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)
        return b"".join(lines[:at] + lines[at + 1 :])

    return edit


def swapped(at: int) -> Edit:
    def edit(content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
        return b"".join(lines)

    return edit


def retold(at: int, old: str, new: str) -> Edit:
    def edit(content: bytes) -> bytes:
        lines = content.decode().splitlines(keepends=True)
        document = json.loads(lines[at])
        assert old in document["leaf"]
        document["leaf"] = document["leaf"].replace(old, new)
        lines[at] = json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"
        return "".join(lines).encode()

    return edit


def spelled(**members: object) -> Edit:
    def edit(content: bytes) -> bytes:
        document = json.loads(content) | members
        return json.dumps(document, separators=(",", ":")).encode() + b"\n"

    return edit


def edits_with_a_purpose() -> Iterator[tuple[str, bytes]]:
    """Yield what somebody would do who hides or invents an entry."""
    count = MEMBERS["openings.jsonl"].count(b"\n")
    for at in range(count):
        yield f"entry {at} hidden", edited(BUNDLE, "openings.jsonl", without(at))
    for at in range(count - 1):
        yield f"entries {at} swapped", edited(BUNDLE, "openings.jsonl", swapped(at))
    for at, old, new in ((0, "ann", "bob"), (4, "bob", "ann"), (4, "SUPPORT", "ACCESS")):
        yield f"{old} told as {new}", edited(BUNDLE, "openings.jsonl", retold(at, old, new))
    manifest = json.loads(MEMBERS["bundle.json"])
    half, rest = manifest["statements"]
    claims: list[dict[str, object]] = [
        {"from": 1}, {"to": manifest["to"] - 1}, {"to": manifest["to"] + 1}, {"to": 301},
        {"statements": []}, {"statements": [rest]}, {"statements": [half]},
        {"statements": [half, rest, rest + 1]}, {"statements": [rest, half]},
        {"parent": "projects/other"}, {"parent": "folders/1"}, {"parent": "shop"},
        {"format": "rempart.proof.v2"}, {"more": 1}, {"receipts": 0}, {"earlier": [100]},
    ]  # fmt: skip
    for told in claims:
        yield f"bundle.json with {told}", edited(BUNDLE, "bundle.json", spelled(**told))
    for name in MEMBERS:
        kept = {it: held for it, held in MEMBERS.items() if it != name}
        yield f"without {name}", archived(kept.items())
        yield f"{name} twice", archived([*MEMBERS.items(), (name, MEMBERS[name])])
    yield from _edits_of_the_tree()


def _edits_of_the_tree() -> Iterator[tuple[str, bytes]]:
    older, forked = LOG.note(290).encode(), LOG.forked(200)
    yield "an older checkpoint", edited(BUNDLE, "checkpoint", lambda _: older)
    yield "a fork's checkpoint", edited(BUNDLE, "checkpoint", lambda _: forked.note().encode())
    unwitnessed = MEMBERS["checkpoint"].rsplit("— ".encode(), 1)[0]
    yield "without the witness", edited(BUNDLE, "checkpoint", lambda _: unwitnessed)
    fork = forked.note(201).encode()
    kept = [(it, held) for it, held in MEMBERS.items() if it != "earlier/270"]
    yield "a fork as what was before", archived([*kept[:7], ("earlier/201", fork), *kept[7:]])
    yield "more members", archived([*MEMBERS.items(), ("tile/0/002", bytes(8192))])
    yield "another name", archived([*MEMBERS.items(), ("notes.txt", b"trust me")])
    first = MEMBERS["tile/0/000"]
    turned = first[32:] + first[:32]
    yield "a tile turned", edited(BUNDLE, "tile/0/000", lambda _: turned)


def test_the_bundle_itself_holds() -> None:
    assert named(BUNDLE) == ""
    assert not refused_by_the_second(BUNDLE)
    assert archived(MEMBERS.items()) == BUNDLE


@pytest.mark.parametrize("edits", [edits_of_the_file, edits_of_members])
def test_every_edit_is_named(edits: Callable[[], Iterator[bytes]]) -> None:
    missed, count = [], 0
    for count, content in enumerate(edits(), start=1):
        if content == BUNDLE:  # an edit that is none, such as two parts of no length swapped
            continue
        said = named(content)
        agreed = count % SECOND_EVERY or refused_by_the_second(content)
        if not said or not agreed:
            missed.append((count, said))
    assert missed == []
    assert count >= COUNT_OF_MEMBERS


def test_whoever_hides_or_invents_something_is_named_by_both() -> None:
    edits = dict(edits_with_a_purpose())
    assert len(edits) > 60
    assert [name for name, content in edits.items() if not named(content)] == []
    assert [name for name, content in edits.items() if not refused_by_the_second(content)] == []
