"""The assessment of an order, computed from what the universe holds at this moment."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from rempart.core.clock import Micros
from rempart.core.errors import CloudError
from rempart.core.policy import Resource
from rempart.services.answers.places import MANAGER, Places
from rempart.services.foreignrequests.concerned import account_of
from rempart.services.foreignrequests.model.assessment import Assessment, Finding, Why, why
from rempart.services.foreignrequests.model.order import Scope
from rempart.services.kms.kinds import CRYPTO_KEY, VERSION, version_name
from rempart.services.kms.model import names
from rempart.services.kms.model.version import Version
from rempart.services.kms.opened import OpenedKeys
from rempart.services.storage.kinds import BUCKET, CUSTOMER_BUCKET_KEY, LIVE, NONCURRENT
from rempart.services.storage.model.bucket import Bucket
from rempart.services.storage.model.object import Object
from rempart.trust.custody.sealed import SealedEngine, scanned
from rempart.trust.custody.transaction import Transaction
from rempart.trust.policy.hierarchy import container_of

LOOKED_AT_MAX = 20_000
"""Generations of objects that one assessment looks at."""

FINDINGS_MAX = 1000
_STORAGE = "storage.googleapis.com"
_KMS = "cloudkms.googleapis.com"
_BUCKETS = "projects/_/buckets/"


@dataclass(frozen=True, slots=True)
class Ground:
    """What an assessment looks at."""

    sealed: SealedEngine
    places: Places
    opened: OpenedKeys


@dataclass
class _Part:
    """What lies in a bucket under one key."""

    why: Why
    version: Version | None
    objects: int = 0
    bytes: int = 0


async def assess(ground: Ground, scope: Scope, root: str, now: Micros) -> Assessment:
    """Return what is there of a scope, under which keys, and what of it is in reach.

    It reads in a transaction that is never committed: what changes meanwhile is not waited for.
    """
    looking = _Looking(ground, scope, now, ground.sealed.transaction(), left=LOOKED_AT_MAX)
    for name in scope.resources:
        await looking.resource(name)
    for name in scope.principals:
        await looking.principal(name)
    found = looking.findings
    whole = looking.whole and len(found) <= FINDINGS_MAX
    return Assessment(at=now, root=root, findings=tuple(found[:FINDINGS_MAX]), whole=whole)


@dataclass
class _Looking:
    """One look at the universe."""

    ground: Ground
    scope: Scope
    now: Micros
    tx: Transaction
    findings: list[Finding] = field(default_factory=list)
    left: int = 0
    whole: bool = True

    async def resource(self, asked: str) -> None:
        try:
            located = await self.ground.places.find(asked, self.tx)
        except CloudError:
            located = None
        if located is None:
            self.findings.append(Finding(asked=asked, why=Why.ABSENT))
            return
        await self._found(asked, located.resource)

    async def principal(self, asked: str) -> None:
        found = await account_of(asked, self.ground.sealed, self.tx)
        why_ = Why.NO_CONTENT if found else Why.ABSENT
        self.findings.append(Finding(asked=asked, why=why_, customer=found))

    async def _found(self, asked: str, resource: Resource) -> None:
        service, name = resource.name.service, resource.name.name
        if service == MANAGER:
            await self._level(asked, resource)
        elif service == _STORAGE:
            bucket, _, inside = name.removeprefix(_BUCKETS).partition("/objects/")
            await self._bucket(asked, bucket, inside)
        elif service == _KMS and "/cryptoKeys/" in name:
            await self._key(asked, name)
        else:
            self._plain(asked, resource)

    def _plain(self, asked: str, resource: Resource) -> None:
        self.findings.append(
            Finding(
                asked=asked,
                why=Why.NO_CONTENT,
                resource=resource.name.name,
                customer=container_of(resource),
            )
        )

    async def _level(self, asked: str, resource: Resource) -> None:
        self._plain(asked, resource)
        async for held in self.ground.places.under(resource.name.name, self.tx):
            if len(self.findings) > FINDINGS_MAX:
                return
            name = held.name
            if name.type.endswith("/Bucket"):
                await self._bucket(asked, name.name.removeprefix(_BUCKETS), "")
            elif name.type.endswith("/CryptoKey") and "keys" in self.scope.kinds:
                await self._key(asked, name.name)

    async def _key(self, asked: str, name: str) -> None:
        key, _, number = name.partition("/cryptoKeyVersions/")
        parts = names.crypto_key(key).parts
        if await self.tx.get(CRYPTO_KEY, *parts) is None:
            self.findings.append(Finding(asked=asked, why=Why.ABSENT, resource=name))
            return
        async for one in scanned(self.tx, VERSION, VERSION.under(*parts)):
            if number in {"", str(one.value.number)}:
                found = version_name(one.key)
                self.findings.append(
                    Finding(
                        asked=asked,
                        why=why(one.value),
                        resource=str(found),
                        customer=f"projects/{parts[0]}",
                        location=parts[1],
                        key=str(found),
                        state=one.value.state.value,
                    )
                )

    async def _bucket(self, asked: str, name: str, prefix: str) -> None:
        bucket = await self.tx.get(BUCKET, name)
        if bucket is None:
            return
        parts: OrderedDict[str, _Part] = OrderedDict()
        async for found in self._generations(bucket, prefix):
            await self._count(parts, bucket, found)
        for key, part in parts.items() or (("", _Part(Why.EMPTY, None)),):
            version = part.version
            self.findings.append(
                Finding(
                    asked=asked,
                    why=part.why,
                    resource=f"{_BUCKETS}{name}" + (f"/objects/{prefix}" if prefix else ""),
                    customer=f"projects/{bucket.project}",
                    location=bucket.location.lower(),
                    key="" if part.why is Why.CUSTOMER_SUPPLIED else key,
                    state=version.state.value if version else "",
                    objects=part.objects,
                    bytes=part.bytes,
                )
            )

    async def _generations(self, bucket: Bucket, prefix: str) -> AsyncIterator[Object]:
        for kind in (LIVE, NONCURRENT):
            span = kind.under(bucket.id, prefix=prefix)
            async for found in scanned(self.tx, kind, span):
                if not self.left:
                    self.whole = False
                    return
                self.left -= 1
                if self._in_time(found.value.created):
                    yield found.value

    def _in_time(self, created: int) -> bool:
        return self.scope.begins <= created and (not self.scope.ends or created <= self.scope.ends)

    async def _count(self, parts: OrderedDict[str, _Part], bucket: Bucket, found: Object) -> None:
        content = found.content
        supplied, key = bool(content.csek_sha256), content.kms_version
        at = "customer-supplied" if supplied else key
        if at not in parts:
            parts[at] = await self._part(bucket, key, supplied=supplied)
        parts[at].objects += 1
        parts[at].bytes += content.size

    async def _part(self, bucket: Bucket, key: str, *, supplied: bool) -> _Part:
        if supplied or not key:
            return _Part(Why.CUSTOMER_SUPPLIED if supplied else Why.ROOT, None)
        version = await self.tx.get(VERSION, *names.version(key).parts)
        opened = version is not None and await self._opened(bucket, key, version)
        return _Part(why(version, opened=opened), version)

    async def _opened(self, bucket: Bucket, key: str, version: Version) -> bool:
        wrapped = await self.tx.get(CUSTOMER_BUCKET_KEY, bucket.id, key)
        if wrapped is None:
            return False
        opened = self.ground.opened.get(version.material, wrapped.wrapped, self.now)
        return opened is not None
