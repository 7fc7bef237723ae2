"""All tags of a resource at once: what a stranger learns of them."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from rempart.core.errors import CloudError, Code
from support.cloud_iam import PROJECT, Iam


@pytest.mark.parametrize("project", [PROJECT, "projects/lab:absent"])
@pytest.mark.parametrize("etag", ["", "AAAA"])
async def test_a_guess_at_the_tags_of_a_resource_is_not_judged(project: str, etag: str) -> None:
    iam = await Iam.start()
    await iam.account("robot-1")
    target = quote(f"//cloudresourcemanager.googleapis.com/{project}", safe="")
    with pytest.raises(CloudError) as refused:
        await iam.ask(
            "cloudresourcemanager.locations.tagBindingCollections.patch",
            f"locations/global/tagBindingCollections/{target}",
            {"tags": {}, "etag": etag},
            key=await iam.key("robot-1"),
        )
    assert refused.value.code is Code.PERMISSION_DENIED
