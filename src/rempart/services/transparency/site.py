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
        if path == "key":
            return Reply(headers=(_TEXT, _FRESH), content=f"{self._notary.key.text}\n".encode())
        if path == "policy":
            return Reply(headers=(_TEXT, _FRESH), content=self._notary.policy.encode())
        if path == "witnesses":
            return await self._witnesses()
        if path.startswith("tile/"):
            return Reply(headers=(_BYTES, _FOREVER), content=await self._log.file(path))
        if path.startswith("proof/"):
            return await self._proof(path.removeprefix("proof/"))
        message = "The log has checkpoint, key, policy, witnesses, tile/… and proof/INDEX."
        raise not_found(message)

    async def _witnesses(self) -> Reply:
        head, notary = await self._log.head(), self._notary
        states = notary.quorum.states if notary.quorum else ()
        document = {
            "size": head.size if head else 0,
            "publishedSize": head.published_size if head else 0,
            "lacking": notary.lacking,
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
        return Reply(headers=(_TEXT, _FRESH), content=proof.encode())
