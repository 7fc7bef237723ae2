"""A guard that is asked beforehand, too, whenever it is asked: the two answers must not part."""

from __future__ import annotations

import json
from dataclasses import dataclass

from rempart.core.errors import CloudError
from rempart.trust.policy.guard import Asked, Opinion, Standing
from rempart.trust.policy.hierarchy import container_of

NAMELESS = {"constraints/iam.allowedPolicyMemberDomains": "do not belong to a permitted customer"}
"""What refusals say whose words, Google's, do not name the constraint."""

OF_CONTENT = ("SENSITIVITY_LOWERED", "is a vendor's: its people are given nothing here")


@dataclass
class Agreeing:
    """Asks for the opinion before every check, and fails the test where they disagree."""

    guard: Standing

    @property
    def title(self) -> str:
        return self.guard.title

    async def opinion(self, asked: Asked) -> Opinion:
        return await self.guard.opinion(asked)

    async def check(self, asked: Asked) -> None:
        foretold = await self.guard.opinion(asked)
        refused = None
        try:
            await self.guard.check(asked)
        except CloudError as problem:
            refused = problem
        if refused is None:
            assert not foretold.refusal, foretold
        else:
            known = foretold.refusal or _of_content(refused, foretold) or await _elsewhere(asked)
            assert known, (foretold, refused)
            raise refused


def _of_content(refused: CloudError, foretold: Opinion) -> bool:
    """Tell whether a refusal is about what a call contains, by what was said it would depend on."""
    said = refused.message + json.dumps(refused.details)
    if refused.info is not None:
        said += refused.info.reason
    content = any(one in said for one in OF_CONTENT) or refused.reason == "invalid"
    return content or any(NAMELESS.get(one, one) in said for one in foretold.depends)


async def _elsewhere(asked: Asked) -> bool:
    """Tell whether a call would make something in another place than that which is asked about."""
    made = await asked.propose() if asked.propose else None
    return made is not None and made.container != container_of(asked.resource)
