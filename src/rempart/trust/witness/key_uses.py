"""Puts on record that a key's holder is about to be asked, before it is.

The holder is told the receipt and keeps it in its own log, so that the two logs can be held against
each other: nothing is opened for an entry that is not there, and no entry is without its request
(docs/spec/kms-external.md).
"""

from __future__ import annotations

from rempart.core.clock import Clock
from rempart.core.errors import CloudError
from rempart.core.log_type import LogType
from rempart.trust.custody.external.caller import Use
from rempart.trust.custody.mechanism import UseContext
from rempart.trust.witness.leaf import REFUSAL, USE, Leaf, told
from rempart.trust.witness.recorder import Recorder

METHOD = "rempart.keys."
"""What the methods of these entries begin with; the protocol's verb follows."""

_SERVICE = "cloudkms"


class KeyUses:
    """The log, for whoever uses keys."""

    def __init__(self, recorder: Recorder, clock: Clock) -> None:
        self._recorder = recorder
        self._clock = clock

    async def asks(self, use: Use, verb: str, uri: str) -> str:
        """Put on record that a manager is about to be asked; return the entry's receipt."""
        _, receipt = await self._recorder.put(self._of(use, verb, {"uri": uri}))
        return receipt

    async def failed(
        self, use: Use, verb: str, uri: str, receipt: str, problem: CloudError
    ) -> None:
        """Put on record that a manager refused, or did not answer, what an entry says was asked."""
        facts = {"uri": uri, "entry": receipt}
        await self._recorder.put(self._of(use, verb, facts, kind=REFUSAL, problem=problem))

    async def used(self, context: UseContext, verb: str) -> None:
        """Put on record that a key that is here is about to be used for a service."""
        use = Use(
            agent="",
            resource=context.version,
            reason=context.reason,
            principal=context.principal,
            operation=context.method,
            target=context.target,
            request=context.request,
            approved=context.approved,
        )
        await self._recorder.put(self._of(use, verb, {}))

    def _of(
        self,
        use: Use,
        verb: str,
        facts: dict[str, str],
        *,
        kind: str = USE,
        problem: CloudError | None = None,
    ) -> Leaf:
        said = {"operation": use.operation, "target": use.target, "agent": use.agent}
        return Leaf(
            kind=kind,
            time=self._clock(),
            request=use.request,
            method=METHOD + verb,
            principal=use.principal,
            resource=use.resource,
            status=problem.status if problem else 0,
            facts=facts | {name: value for name, value in said.items() if value},
            service=_SERVICE,
            access=LogType.DATA_READ.value,
            container=_project(use.resource),
            message=told(problem.message) if problem else "",
            reason=use.reason,
            approval=use.approved,
            key=use.resource,
        )


def _project(resource: str) -> str:
    noun, _, rest = resource.partition("/")
    return f"projects/{rest.partition('/')[0]}" if noun == "projects" else ""
