"""What is kept of organization policy is bounded, whatever strangers ask about."""

from __future__ import annotations

import pytest

from rempart.trust.policy.organization import policies
from rempart.trust.policy.organization.constraints import CALLS
from rempart.trust.policy.organization.policies import Policies
from support.clouds import Cloud


async def test_containers_that_are_asked_about_do_not_pile_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(policies, "CONTAINERS_KEPT_MAX", 5)
    cloud = await Cloud().build()
    kept = Policies(cloud.sealed)
    for number in range(50):
        container = f"projects/lab:absent-{number}"
        assert await kept.effective(CALLS[0], container) is not None
        seen = await kept.seen()
        for remembered in (seen.above, seen.policies, seen.effective):
            assert len(remembered) <= 6
