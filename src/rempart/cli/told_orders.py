"""What a customer was told of orders, each checked: it opens its entry, and the log has that.

With a policy the checkpoint must have the signatures that it wants, the log's own and witnesses';
without one, that checkpoint is the universe's word.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from rempart.cli import options, reaching
from rempart.cli.reaching import Universe
from rempart.services.foreignrequests.sealing import TOLD
from rempart.tlog.checking import check_inclusion
from rempart.tlog.checkpoint import parse_checkpoint
from rempart.tlog.commitment import commitment
from rempart.tlog.errors import Malformed, Refuted
from rempart.tlog.policy import Policy
from rempart.tlog.proof import parse_proof
from rempart.tlog.tree import leaf_hash

Json = dict[str, Any]


def found(universe: Universe, container: str, policy: Policy | None) -> list[Json]:
    """Return the orders that a container was told of, or refuse where one does not check."""
    path = f"transparency/v1/{container}/openings"
    orders = []
    for one in reaching.pages(universe, path, "openings"):
        leaf = json.loads(one["leaf"])
        if leaf["method"] == TOLD:
            orders.append(_checked(universe, leaf, policy))
    return orders


def _checked(universe: Universe, leaf: Json, policy: Policy | None) -> Json:
    facts = leaf["facts"]
    try:
        index, salt = int(facts["index"]), base64.b64decode(facts["salt"], validate=True)
        entry = commitment(salt, facts["leaf"].encode())
        size = _included(universe, index, entry, policy)
        sealed = json.loads(facts["leaf"])
    except (KeyError, ValueError, binascii.Error, Malformed, Refuted) as problem:
        options.refuse(f"Order {facts.get('order')} is not what the log has: {problem}.")
    more = {name: facts[name] for name in ("prolonged", "because") if name in facts}
    return {
        **sealed["facts"],
        **more,
        "entry": index,
        "commitment": entry.hex(),
        "checkpointSize": size,
    }


def _included(universe: Universe, index: int, entry: bytes, policy: Policy | None) -> int:
    """Check that an entry is under the published checkpoint; return of how many entries that is."""
    proof = parse_proof(universe.fetch(f".log/proof/{index}"))
    seen = parse_checkpoint(proof.note.text)
    if proof.index != index:
        raise Refuted("The proof is of another entry.")
    if policy is not None:
        proof.check(leaf_hash(entry), policy)
    check_inclusion(index, seen.size, leaf_hash(entry), proof.hashes, seen.root)
    return seen.size
