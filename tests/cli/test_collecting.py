"""What `rempart proof fetch` makes of a log that hands out many pages while others write."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec
import pytest
from typing_extensions import override

from rempart.cli.collecting import Log, NotCollected, Page, Wanted, collect
from rempart.tlog.checkpoint import Checkpoint
from rempart.tlog.errors import Refuted
from rempart.tlog.keys import Algorithm, seeded_signer
from rempart.tlog.note import sign_note
from rempart.tlog.tiles import Tile
from rempart.verifier.bundle import parse_bundle
from rempart.verifier.checks import Asked, verify
from rempart.verifier.findings import HOLDS, verdict
from rempart.verifier.making import write_bundle
from support.proofs import ORIGIN, OTHER, POLICY, SHOP, PaperProofs

LOOKED_AT = 7


class Handing(Log):
    """A universe that looks at few entries a page, and goes on meanwhile."""

    def __init__(self, proofs: PaperProofs) -> None:
        super().__init__("https://universe.example", "token")
        self.proofs = proofs

    @override
    def page(self, parent: str, start: int, token: str) -> Page:
        size = len(self.proofs.openings)
        start = int(token or start)
        to = min(start + LOOKED_AT, size)
        lines = self.proofs.of(parent, start, to)
        statement = self.proofs.openings[self.proofs.state(parent, start, to)]
        self.proofs.add(OTHER, "use")
        self.proofs.add(SHOP, "use")
        return Page(lines, str(to) if to < size else "", statement)

    @override
    def checkpoint(self, count: int) -> bytes:
        assert count <= len(self.proofs.openings)
        return self.proofs.note().encode()

    @override
    def policy(self) -> bytes:
        return POLICY.encode()

    @override
    def tile(self, tile: Tile) -> bytes:
        return dict(self.proofs.growth(len(self.proofs.openings)).written())[tile]


class Lacking(Log):
    """A universe that publishes no newer checkpoint before somebody was told that it does not."""

    def __init__(self, proofs: PaperProofs) -> None:
        self.told: list[str] = []
        self.proofs = proofs
        super().__init__("https://universe.example", "token", 60, self.told.append)

    @override
    def _ask(self, path: str, *, own: bool = False) -> bytes:
        if path == "/.log/checkpoint":
            return self.proofs.note(9 if self.told else 5).encode()
        state = {"lacking": "The witness w1 gives no answer.", "witnesses": []}
        return msgspec.json.encode(state)


def filled(size: int) -> PaperProofs:
    made = PaperProofs()
    for number in range(size):
        made.add(SHOP if number % 3 else OTHER, "use")
    return made


@pytest.mark.parametrize(("size", "start"), [(0, 0), (5, 0), (40, 0), (40, 13)])
def test_each_page_is_one_entry_and_all_of_them_are_in_the_bundle(
    tmp_path: Path, size: int, start: int
) -> None:
    log = Handing(filled(size))
    collected = collect(log, Wanted(SHOP, start), tmp_path)
    file = io.BytesIO()
    write_bundle(file, collected, log.tile)
    bundle = parse_bundle(memoryview(file.getvalue()))
    found = verify(bundle, Asked(POLICY))
    assert verdict(found.checks) == HOLDS, found.checks
    made = [line.index for line in log.proofs.openings if "openings.list" in line.leaf]
    assert list(bundle.manifest.statements) == made


def test_a_checkpoint_of_another_log_is_refused_before_anything_is_asked_for(
    tmp_path: Path,
) -> None:
    log, other = Handing(filled(5)), seeded_signer(f"{ORIGIN}/2", Algorithm.ED25519, b"q" * 32)
    old = sign_note(Checkpoint(other.key.name, 2, bytes(32)).text, [other], 0)
    with pytest.raises(Refuted, match=f"another log: {ORIGIN}/2, not {ORIGIN}"):
        collect(log, Wanted(SHOP, earlier=(old,)), tmp_path)
    assert len(log.proofs.openings) == 5


def test_who_waits_for_a_checkpoint_is_told_why() -> None:
    log = Lacking(filled(9))
    assert log.checkpoint(9) == log.proofs.note(9).encode()
    [said] = log.told
    assert said.startswith("Waiting up to 60 s for a checkpoint of 9 entries; one of 5 is")
    assert said.endswith("The witness w1 gives no answer.")
    log = Lacking(filled(9))
    assert log.checkpoint(5)
    assert log.told == []


def test_a_statement_that_was_listed_before_it_was_made_is_refused(tmp_path: Path) -> None:
    class Early(Handing):
        @override
        def page(self, parent: str, start: int, token: str) -> Page:
            page = super().page(parent, start, token)
            return Page(page.lines, page.token, page.lines[0])

    with pytest.raises(NotCollected, match="twice, or late"):
        collect(Early(filled(5)), Wanted(SHOP), tmp_path)
