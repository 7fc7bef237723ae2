"""The public face of the log, for anybody.

It is at `https://log.<domain>/`, or `/.log/` where there are no host names. Its files are those of
C2SP tlog-tiles; a proof of inclusion is one of C2SP tlog-proof, a policy one of C2SP tlog-policy.
"""

from __future__ import annotations

from rempart.core.call import Call, Reply
from rempart.core.errors import not_found
from rempart.cosigners.notary import Notary
from rempart.trust.witness.log import PublishedLog

PREFIX = "/.log/"
HOST = "log"
_TEXT = ("content-type", "text/plain; charset=utf-8")
_BYTES = ("content-type", "application/octet-stream")
_FRESH = ("cache-control", "no-cache")
_FOREVER = ("cache-control", "public, max-age=604800, immutable")
_INDEX_DIGITS_MAX = 19
INDEX = """\
The log {origin}: {size} entries are under its published checkpoint. Anybody reads it, without a
credential. Every entry is a salted commitment, which opens for whom it is about.

{at}checkpoint       size and root of the tree, signed by the log, cosigned by its witnesses
{at}key              the log's verifier key, which its signatures are checked with
{at}policy           whose cosignatures the operator demands before a checkpoint is published
{at}witnesses        what each witness did last (JSON)
{at}tile/L/N         hashes of the tree, level L, number N: 000, 001, …, x001/000, …
{at}tile/entries/N   the entries, 256 to a tile; of a tile that is not full, N ends in .p/COUNT
{at}proof/INDEX      that an entry is in the tree; INDEX is in its receipt, audit/INDEX/LEAFHASH

Formats: https://c2sp.org/tlog-tiles, tlog-checkpoint, tlog-cosignature, tlog-policy, tlog-proof.
Have the key, and the witnesses that you believe, on another way than from here.
"""


class LogSite:
    """Answers with files of the log."""

    def __init__(self, log: PublishedLog, notary: Notary) -> None:
        self._log = log
        self._notary = notary

    async def serve(self, call: Call) -> Reply:
        """Return a file, or raise `not_found`."""
        path = call.path["path"].removeprefix(PREFIX.rstrip("/")).lstrip("/")
        if path == "checkpoint":
            return Reply(headers=(_TEXT, _FRESH), content=await self._log.checkpoint())
        match path.partition("/"):
            case "", "", "":
                return await self._index(call)
            case "checkpoint", "", "":
                return _text(await self._log.checkpoint())
            case "key", "", "":
                return _text(f"{self._notary.key.text}\n".encode())
            case "policy", "", "":
                return _text(self._notary.policy.encode())
            case _:
                return await self._part(path)

    async def _part(self, path: str) -> Reply:
        """Return a part of the tree, or how the witnesses stand."""
        match path.partition("/"):
            case "witnesses", "", "":
                return await self._witnesses()
            case "tile", "/", _:
                return Reply(headers=(_BYTES, _FOREVER), content=await self._log.file(path))
            case "proof", "/", index:
                return await self._proof(index)
            case _:
                message = "The log has checkpoint, key, policy, witnesses, tile/… and proof/INDEX."
                raise not_found(message)

    async def _index(self, call: Call) -> Reply:
        """Return what there is to read, and where."""
        head = await self._log.head()
        below = PREFIX if call.path["path"].startswith(PREFIX.rstrip("/")) else "/"
        content = INDEX.format(
            origin=self._notary.origin,
            size=head.published_size if head else 0,
            at=f"{call.base_url}{below}",
        )
        return _text(content.encode())

    async def _witnesses(self) -> Reply:
        head, notary = await self._log.head(), self._notary
        states = notary.quorum.states if notary.quorum else ()
        document = {
            "size": head.size if head else 0,
            "publishedSize": head.published_size if head else 0,
            "lacking": notary.lacking,
            "alarm": notary.alarm,
            "policyProblem": notary.policy_problem,
            "witnesses": [
                {
                    "name": one.name,
                    "url": one.url,
                    "fault": one.fault,
                    "message": one.message,
                    "size": one.size,
                }
                for one in states
            ],
        }
        return Reply(headers=(_FRESH,), document=document)

    async def _proof(self, index: str) -> Reply:
        if not index.isdecimal() or len(index) > _INDEX_DIGITS_MAX:
            message = "A proof is asked for by the index of its entry, a number."
            raise not_found(message)
        proof = await self._log.inclusion(int(index))
        return _text(proof.encode())


def _text(content: bytes) -> Reply:
    return Reply(headers=(_TEXT, _FRESH), content=content)
