"""Cloud Storage, JSON API v1: buckets, objects, access controls, managed folders, HMAC keys.

The table below is the service: each method with the permission that the gate asks for, on what.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from rempart.core.call import Call, MethodId, Reply
from rempart.core.grant import Grant
from rempart.core.method import Access, Method
from rempart.core.policy import Resource
from rempart.services.storage.api import (
    access_controls,
    asked,
    buckets,
    copies,
    iam,
    managed_folders,
    objects,
    projects,
    proposed,
    uploads,
)
from rempart.services.storage.api.proposed import Proposes
from rempart.services.storage.store import Setup, StorageStore
from rempart.trust.custody.bodies import Part
from rempart.trust.session import Session

_R, _W = Access.READ, Access.WRITE


Resources = Callable[[Call, StorageStore], Awaitable[Resource]]
Run = Callable[[Grant, Call, StorageStore], Awaitable[Reply]]
Stage = Callable[[Grant, Call, StorageStore], Awaitable[Any]]


def _method(  # noqa: PLR0913 - each is a part of a row
    name: str,
    access: Access,
    permission: str,
    resource: Resources,
    run: Run,
    *,
    stage: Stage | None = None,
    proposes: Proposes | None = None,
) -> Method[StorageStore]:
    return Method(
        MethodId(f"storage.{name}"),
        access,
        run,
        resource,
        f"storage.{permission}",
        stage=stage,
        proposes=proposes,
    )


def _lists(
    noun: str, open_list: access_controls.Open, resource: Resources, on: str
) -> tuple[Method[StorageStore], ...]:
    """Return the six methods on a kind of ACL: all need the right over the resource's policy."""
    return tuple(
        _method(
            f"{noun}.{verb}",
            _R if verb in {"get", "list"} else _W,
            f"{on}.getIamPolicy" if verb in {"get", "list"} else f"{on}.setIamPolicy",
            resource,
            run,
            proposes=proposed.access_control if verb in {"insert", "patch", "update"} else None,
        )
        for verb, run in access_controls.verbs(open_list).items()
    )


_B, _O, _F, _P = asked.bucket, asked.object_, asked.managed_folder, asked.project
_K = "hmacKeys"

METHODS: tuple[Method[StorageStore], ...] = (
    _method("buckets.insert", _W, "buckets.create", _P, buckets.insert, proposes=proposed.bucket),
    _method("buckets.get", _R, "buckets.get", _B, buckets.get),
    _method("buckets.list", _R, "buckets.list", _P, buckets.list_),
    _method(
        "buckets.patch", _W, "buckets.update", _B, buckets.patch, proposes=proposed.patched_bucket
    ),
    _method(
        "buckets.update", _W, "buckets.update", _B, buckets.update, proposes=proposed.updated_bucket
    ),
    _method("buckets.delete", _W, "buckets.delete", _B, buckets.delete),
    _method("buckets.getStorageLayout", _R, "objects.list", _B, buckets.get_storage_layout),
    _method("buckets.lockRetentionPolicy", _W, "buckets.update", _B, buckets.lock_retention_policy),
    _method("buckets.getIamPolicy", _R, "buckets.getIamPolicy", _B, iam.get_bucket),
    _method(
        "buckets.setIamPolicy",
        _W,
        "buckets.setIamPolicy",
        _B,
        iam.set_bucket,
        proposes=proposed.bucket_policy,
    ),
    Method(
        MethodId("storage.buckets.testIamPermissions"),
        _R,
        iam.test_bucket,
        _B,
        public="it tells callers their own rights only",
    ),
    _method(
        "objects.insert",
        _W,
        "objects.create",
        uploads.resource,
        uploads.insert,
        stage=uploads.stage,
        proposes=proposed.uploaded,
    ),
    _method("objects.get", _R, "objects.get", _O, objects.get),
    _method("objects.list", _R, "objects.list", asked.listed_bucket, objects.list_),
    _method(
        "objects.patch", _W, "objects.update", _O, objects.patch, proposes=proposed.changed_object
    ),
    _method(
        "objects.update", _W, "objects.update", _O, objects.update, proposes=proposed.changed_object
    ),
    _method("objects.delete", _W, "objects.delete", _O, objects.delete),
    _method(
        "objects.copy",
        _W,
        "objects.get",
        asked.source_object,
        copies.copy,
        proposes=proposed.copied,
    ),
    _method(
        "objects.rewrite",
        _W,
        "objects.get",
        asked.source_object,
        copies.rewrite,
        proposes=proposed.copied,
    ),
    _method(
        "objects.compose",
        _W,
        "objects.create",
        asked.new_object,
        copies.compose,
        stage=copies.stage_compose,
        proposes=proposed.composed,
    ),
    _method("objects.move", _W, "objects.move", asked.moved_object, copies.move),
    Method(
        MethodId("storage.objects.testIamPermissions"),
        _R,
        iam.test_object,
        _O,
        public="it tells callers their own rights only",
    ),
    *_lists("bucketAccessControls", access_controls.open_bucket, _B, "buckets"),
    *_lists("defaultObjectAccessControls", access_controls.open_default, _B, "buckets"),
    *_lists("objectAccessControls", access_controls.open_object, _O, "objects"),
    _method("managedFolders.insert", _W, "managedFolders.create", _B, managed_folders.insert),
    _method("managedFolders.get", _R, "managedFolders.get", _F, managed_folders.get),
    _method("managedFolders.list", _R, "managedFolders.list", _B, managed_folders.list_),
    _method("managedFolders.delete", _W, "managedFolders.delete", _F, managed_folders.delete),
    _method(
        "managedFolders.getIamPolicy",
        _R,
        "managedFolders.getIamPolicy",
        _F,
        iam.get_managed_folder,
    ),
    _method(
        "managedFolders.setIamPolicy",
        _W,
        "managedFolders.setIamPolicy",
        _F,
        iam.set_managed_folder,
        proposes=proposed.managed_folder_policy,
    ),
    Method(
        MethodId("storage.managedFolders.testIamPermissions"),
        _R,
        iam.test_managed_folder,
        _F,
        public="it tells callers their own rights only",
    ),
    Method(
        MethodId("storage.projects.serviceAccount.get"),
        _R,
        projects.get_service_account,
        _P,
        "resourcemanager.projects.get",
    ),
    _method(
        "projects.hmacKeys.create",
        _W,
        f"{_K}.create",
        _P,
        projects.create_hmac_key,
        proposes=proposed.hmac_key,
    ),
    _method("projects.hmacKeys.get", _R, f"{_K}.get", _P, projects.get_hmac_key),
    _method("projects.hmacKeys.list", _R, f"{_K}.list", _P, projects.list_hmac_keys),
    _method("projects.hmacKeys.update", _W, f"{_K}.update", _P, projects.update_hmac_key),
    _method("projects.hmacKeys.delete", _W, f"{_K}.delete", _P, projects.delete_hmac_key),
)


@dataclass(frozen=True, slots=True)
class StorageService:
    """The API as the gate serves it."""

    setup: Setup
    name: str = "storage"
    methods: tuple[Method[StorageStore], ...] = METHODS

    def open(self, session: Session) -> StorageStore:
        """Return the store of one session."""
        return StorageStore(self.setup, session)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - each method stages its own
        """Remove the parts of a body whose commit did not happen."""
        parts: tuple[Part, ...] = (
            tuple(staged.values()) if isinstance(staged, dict) else staged.got.parts
        )
        await self.setup.contents.bodies.delete(part.blob for part in parts)
