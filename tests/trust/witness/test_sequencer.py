"""The sequencer: one tree over the feed, whatever becomes of the processes that grow it."""

from __future__ import annotations

import pytest

from rempart.core.errors import CloudError
from rempart.cosigners.asking import Endpoint, Failure
from rempart.cosigners.asking import Fault as Said
from rempart.cosigners.quorum import Quorum
from rempart.engine.seam import Fenced, Unavailable
from rempart.engine.wrap.faulty import Fault, FaultyEngine, fail_at
from rempart.tlog.checking import check_consistency, check_inclusion
from rempart.tlog.keys import Algorithm, seeded_signer
from rempart.tlog.note import parse_note
from rempart.tlog.policy import Log, Witness, quorum_of
from rempart.tlog.tiles import bundles_of, decode_bundle, tiles_of
from rempart.tlog.tree import leaf_hash
from rempart.trust.witness.documents import HEADS, TILES, Head
from rempart.trust.witness.leaf import FEED
from rempart.trust.witness.sequencer import LEASE_SECONDS, Diverged
from support.sequenced import ORIGIN, SIGNER, Logged, Witnesses


async def test_a_checkpoint_covers_all_that_is_in_the_feed() -> None:
    logged = Logged()
    sequencer = logged.sequencer()
    for count in (1, 254, 1, 1, 1300):
        await logged.append(count)
        await logged.settle(sequencer)
    assert [one.size for one in logged.published] == [1, 255, 256, 257, 1557]
    assert {one.origin for one in logged.published} == {ORIGIN}


async def test_each_checkpoint_continues_the_one_before() -> None:
    logged = Logged()
    sequencer = logged.sequencer()
    for count in (3, 300, 700):
        await logged.append(count)
        await logged.settle(sequencer)
    for old, new in zip(logged.published, logged.published[1:], strict=False):
        proof = await logged.log.consistency(old.size, new.size)
        check_consistency(old.size, new.size, old.root, new.root, proof)


async def test_every_entry_can_be_proved_and_no_more_is_shown_than_is_published() -> None:
    logged = Logged()
    await logged.append(600)
    seen = await logged.settle(logged.sequencer())
    leaves = await logged.leaves(600)
    for index in (0, 1, 255, 256, 511, 512, 599):
        proof = await logged.log.inclusion(index)
        check_inclusion(index, 600, leaves[index], proof.hashes, seen.root)
    await logged.append(1)
    with pytest.raises(CloudError):
        await logged.log.inclusion(600)
    for path in ("tile/0/002.p/89", "tile/entries/002.p/89", "tile/2/000", "tile/0/2", "tile/9"):
        with pytest.raises(CloudError):
            await logged.log.file(path)


async def test_tiles_and_bundles_are_the_files_that_the_size_calls_for() -> None:
    logged = Logged()
    await logged.append(70_000)
    await logged.settle(logged.sequencer())
    entries: list[bytes] = []
    for bundle in list(bundles_of(70_000))[:3]:
        content = await logged.log.file(bundle.path)
        entries += decode_bundle(content, bundle.width)
    assert [leaf_hash(one) for one in entries] == await logged.leaves(768)
    for tile in tiles_of(70_000):
        assert len(await logged.log.file(tile.path)) == 32 * tile.width


async def test_a_restart_at_any_call_leads_to_the_same_tree() -> None:
    logged = Logged()
    await logged.append(300)
    calls = 0
    while True:
        engine = FaultyEngine(logged.universe.engine, fail_at(calls, Fault(Unavailable("gone"))))
        lost = FaultyEngine(
            logged.universe.engine, fail_at(calls, Fault(Unavailable("gone"), after=True))
        )
        failed = False
        for one in (engine, lost):
            try:
                sequencer = logged.sequencer(one)
                for _ in range(3):
                    await sequencer.step()
            except (Unavailable, Diverged):
                failed = True
            await logged.append(7)
        await logged.settle(logged.sequencer())
        calls += 1
        if not failed:
            break
    assert calls > 8
    roots: dict[int, set[bytes]] = {}
    for seen in logged.published:
        roots.setdefault(seen.size, set()).add(seen.root)
    assert all(len(one) == 1 for one in roots.values())


async def test_of_two_sequencers_one_works_and_the_other_takes_over_after_it() -> None:
    logged = Logged()
    first, second = logged.sequencer(holder="a"), logged.sequencer(holder="b")
    await logged.append(5)
    await logged.settle(first)
    await logged.append(5)
    assert (await logged.settle(second)).size == 5
    logged.clock.advance(LEASE_SECONDS + 1)
    assert (await logged.settle(second)).size == 10
    await logged.append(5)
    assert (await logged.settle(first)).size == 10
    await second.release()
    assert (await logged.settle(first)).size == 15


async def test_a_sequencer_whose_lease_another_took_signs_nothing() -> None:
    logged = Logged()
    first, second = logged.sequencer(holder="a"), logged.sequencer(holder="b")
    await logged.append(5)
    await logged.settle(first)
    before = logged.clock.now
    logged.clock.advance(LEASE_SECONDS + 1)
    await logged.append(1)
    await logged.settle(second)
    logged.clock.now = before  # the first one's clock stands still: it believes in its lease
    await logged.append(1)
    with pytest.raises(Fenced):
        await first.step()
    assert (await logged.checkpoint()).size == 6


async def test_a_store_that_was_put_back_is_not_signed_for() -> None:
    logged = Logged()
    await logged.append(5)
    await logged.settle(logged.sequencer())
    del logged.universe.engine.records.feeds[FEED][3:]
    with pytest.raises(Diverged, match="3 entries, and 5 were signed for"):
        await logged.sequencer().resume()


@pytest.mark.parametrize("change", ["tile", "size", "gone"])
async def test_a_tree_that_was_altered_is_not_signed_for(change: str) -> None:
    logged = Logged()
    await logged.append(5)
    await logged.settle(logged.sequencer())
    tx = logged.universe.sealed.transaction()
    if change == "tile":
        tx.put(TILES, 0, 0, value=bytes(5 * 32))
    elif change == "gone":
        tx.delete(TILES, 0, 0)
    else:
        head = await tx.get(HEADS, FEED)
        assert head is not None
        tx.put(HEADS, FEED, value=Head(4, head.root, head.published, head.published_size))
    await tx.commit()
    with pytest.raises(Diverged):
        await logged.sequencer().resume()


async def test_without_its_quorum_a_checkpoint_is_not_published_and_the_last_one_stays() -> None:
    logged = Logged()
    cosigner = seeded_signer("witness.example", Algorithm.COSIGNATURE_ED25519, b"w" * 32)
    policy = quorum_of([Log(SIGNER.key)], [Witness(b"one", cosigner.key)], 1)
    witnesses = Witnesses(cosigner.key)
    sequencer = logged.sequencer(quorum=Quorum(policy, (), witnesses))
    await logged.append(5)
    for _ in range(3):
        await sequencer.step()
    with pytest.raises(CloudError):
        await logged.log.checkpoint()
    witnesses.signatures = (cosigner.signature(witnesses.shown[-1].text, 1),)
    await sequencer.step()
    assert (await logged.checkpoint()).size == 5
    await logged.append(5)
    await sequencer.step()  # the cosignature is of the smaller tree
    assert (await logged.checkpoint()).size == 5
    witnesses.signatures = ()
    await sequencer.step()
    assert (await logged.checkpoint()).size == 5


async def test_a_policy_that_is_taken_up_has_the_present_tree_cosigned_without_a_new_entry() -> (
    None
):
    logged = Logged()
    cosigner = seeded_signer("witness.example", Algorithm.COSIGNATURE_ED25519, b"w" * 32)
    policy = quorum_of([Log(SIGNER.key)], [Witness(b"one", cosigner.key)], 1)
    witnesses = Witnesses(cosigner.key)
    sequencer = logged.sequencer()
    await logged.append(5)
    await logged.settle(sequencer)
    sequencer._notary.take_up(Quorum(policy, (), witnesses))
    await logged.settle(sequencer)
    assert len(witnesses.shown) == 3  # it is asked until it cosigns
    witnesses.signatures = (cosigner.signature(witnesses.shown[-1].text, 1),)
    await logged.settle(sequencer)
    policy.check(parse_note(await logged.log.checkpoint()))
    assert len(witnesses.shown) == 4
    await logged.append(1)
    await sequencer.step()
    # While the policy is new, whoever it names is heard; then those who are enough are.
    assert witnesses.all_awaited == [True] * 4 + [False]


@pytest.mark.parametrize("fault", [Said.AHEAD, Said.FORKED])
async def test_once_a_witness_has_seen_another_log_nobody_is_shown_more_and_no_policy_helps(
    fault: Said,
) -> None:
    logged = Logged()
    cosigner = seeded_signer("witness.example", Algorithm.COSIGNATURE_ED25519, b"w" * 32)
    policy = quorum_of([Log(SIGNER.key)], [Witness(b"one", cosigner.key)], 1)
    asked, witnesses = Endpoint((cosigner.key,), "https://w.example/"), Witnesses(cosigner.key)
    sequencer = logged.sequencer(quorum=Quorum(policy, (asked,), witnesses))
    await logged.append(5)
    for _ in range(2):
        await sequencer.step()
    witnesses.signatures = (cosigner.signature(witnesses.shown[-1].text, 1),)
    assert (await logged.settle(sequencer)).size == 5
    shown = len(witnesses.shown)
    witnesses.failures = (Failure(asked, fault, "It has cosigned another.", 9),)
    await logged.append(1)
    for _ in range(3):
        await sequencer.step()
        await logged.append(1)
    assert len(witnesses.shown) == shown + 1
    notary = sequencer._notary
    # Without the witness, or with another that cosigns anything, it stays so.
    lenient = Witnesses(cosigner.key)
    for other in (quorum_of([Log(SIGNER.key)], [], 0), policy):
        notary.take_up(Quorum(other, (), lenient))
        await logged.append(1)
        assert (await logged.settle(sequencer)).size == 5
    assert lenient.shown == []
    assert "witness.example: It has cosigned another." in notary.alarm
    assert notary.alarm in notary.lacking


async def test_a_witness_that_contradicts_outweighs_a_quorum_of_others() -> None:
    logged = Logged()
    one, two = (
        seeded_signer(f"w.example/{n}", Algorithm.COSIGNATURE_ED25519, bytes([n]) * 32)
        for n in (1, 2)
    )
    known = [Witness(b"one", one.key), Witness(b"two", two.key)]
    asked = tuple(Endpoint((it.key,), f"https://{it.key.name}/") for it in (one, two))
    witnesses = Witnesses(one.key)
    quorum = Quorum(quorum_of([Log(SIGNER.key)], known, 1), asked, witnesses)
    sequencer = logged.sequencer(quorum=quorum)
    await logged.append(5)
    for _ in range(2):
        await sequencer.step()
    witnesses.signatures = (one.signature(witnesses.shown[-1].text, 1),)
    witnesses.failures = (Failure(asked[1], Said.AHEAD, "It has more.", 9),)
    await sequencer.step()
    with pytest.raises(CloudError):
        await logged.log.checkpoint()
