"""Listing objects: a merge of ordered scans that jumps over whole prefixes.

The work is that of the page, not of the bucket: a prefix that collapses is skipped by one seek.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from rempart.core.grant import Grant
from rempart.engine.seam import Key, Span
from rempart.services.storage.kinds import LIVE, MANAGED_FOLDER, NONCURRENT
from rempart.services.storage.model.bucket import Bucket
from rempart.services.storage.model.listing import ListQuery, Resume, glob, literal_prefix
from rempart.services.storage.model.object import Object
from rempart.services.storage.store import StorageStore
from rempart.trust.custody.kind import Found, Kind, successor

SEEK_BATCH = 64
FOLDERS_MAX = 10_000

Scan = Callable[[Span, int], Awaitable[list[Found[Object]]]]


@dataclass(slots=True)
class Page:
    """One page of a listing."""

    items: list[Object] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    resume: Resume | None = None

    @property
    def size(self) -> int:
        """Return how many entries the page has."""
        return len(self.items) + len(self.prefixes)


class _Cursor:
    """A position in one ordered scan, fetching in batches."""

    def __init__(self, scan: Scan, span: Span, batch: int, seen: Callable[[Object], bool]) -> None:
        self._scan = scan
        self._seen = seen
        self._span = span
        self._batch = batch
        self._held: list[Found[Object]] = []
        self._at = 0
        self._more = span.start < span.end

    async def peek(self) -> Object | None:
        """Return what the cursor stands on, None at the end."""
        while self._at == len(self._held):
            if not self._more:
                return None
            await self._fetch()
        return self._held[self._at].value

    async def _fetch(self) -> None:
        self._held, self._at = await self._scan(self._span, self._batch), 0
        self._more = len(self._held) == self._batch
        if self._held:
            self._span = self._span.after(self._held[-1].key)
        while self._at < len(self._held) and self._seen(self._held[self._at].value):
            self._at += 1

    def advance(self) -> None:
        self._at += 1

    def seek(self, start: Key) -> None:
        while self._at < len(self._held) and self._held[self._at].key < start:
            self._at += 1
        if self._at == len(self._held):
            self._held, self._at, self._batch = [], 0, SEEK_BATCH
            self._more = self._more and start < self._span.end
            self._span = Span(max(start, self._span.start), self._span.end)


class Listing:
    """One listing of a bucket."""

    def __init__(self, store: StorageStore, grant: Grant, bucket: Bucket, query: ListQuery) -> None:
        self._store = store
        self._grant = grant
        self._bucket = bucket
        self._query = query
        self._glob = glob(query.match_glob) if query.match_glob else None
        self._prefix = max(query.prefix, literal_prefix(query.match_glob), key=len)

    async def page(self) -> Page:
        """Return the next page."""
        page = Page()
        if self._excluded():
            return page
        cursors, folders = self._cursors(), await self._folders()
        while (found := await _first(cursors)) is not None:
            cursor, one = found
            prefix = self._collapsed(one.name)
            if folders:
                self._add_folders(page, folders, prefix or one.name)
            if page.size >= self._query.limit:
                return page
            if self._listed(one, prefix):
                page.items.append(one)
                page.resume = Resume(one.name, one.generation)
            if prefix:
                self._add_prefix(page, prefix)
                self._skip(cursors, prefix)
            else:
                cursor.advance()
        self._add_folders(page, folders, None)
        if not folders:
            page.resume = None
        return page

    def _add_folders(self, page: Page, folders: list[str], until: str | None) -> None:
        """Add the managed folders that come before a name, or all, as far as the page goes."""
        while folders and (until is None or folders[0] <= until) and page.size < self._query.limit:
            self._add_prefix(page, folders.pop(0))

    def _add_prefix(self, page: Page, prefix: str) -> None:
        if not page.prefixes or page.prefixes[-1] != prefix:
            page.prefixes.append(prefix)
            page.resume = Resume(prefix, 0)

    def _listed(self, one: Object, prefix: str) -> bool:
        if self._glob is not None and not self._glob.matches(one.name):
            return False
        return not prefix or (self._query.trailing_delimiter and one.name == prefix)

    def _collapsed(self, name: str) -> str:
        delimiter = self._query.delimiter
        if not delimiter or (self._glob is not None and not self._glob.matches(name)):
            return ""
        end = name.find(delimiter, len(self._query.prefix))
        return name[: end + len(delimiter)] if end >= 0 else ""

    def _skip(self, cursors: list[_Cursor], prefix: str) -> None:
        for cursor, kind in zip(cursors, (LIVE, NONCURRENT), strict=False):
            cursor.seek(successor(kind.key(self._bucket.id) + prefix.encode()))

    def _excluded(self) -> bool:
        narrow = (self._query.prefix, self._prefix)
        return not (narrow[1].startswith(narrow[0]) or narrow[0].startswith(narrow[1]))

    def _cursors(self) -> list[_Cursor]:
        batch = self._query.limit + 1
        live = _Cursor(self._scan_live, self._span(LIVE), batch, self._seen)
        if not self._query.versions:
            return [live]
        span = self._span(NONCURRENT)
        return [live, _Cursor(self._scan_noncurrent, span, batch, self._seen)]

    def _seen(self, one: Object) -> bool:
        """Tell whether an earlier page had this generation: its name may have newer ones."""
        after = self._query.resume
        return after is not None and one.name == after.name and one.generation <= after.generation

    async def _scan_live(self, span: Span, limit: int) -> list[Found[Object]]:
        return await self._store.scan_live(self._grant, self._bucket, span, limit)

    async def _scan_noncurrent(self, span: Span, limit: int) -> list[Found[Object]]:
        return await self._store.scan_noncurrent(self._grant, self._bucket, span, limit)

    def _span(self, kind: Kind[Object]) -> Span:
        query, base = self._query, kind.key(self._bucket.id)
        span = kind.under(self._bucket.id, prefix=self._prefix)
        start = max(span.start, Key(base + query.start_offset.encode()), self._after(kind))
        end = span.end
        if query.end_offset:
            end = min(end, Key(base + query.end_offset.encode()))
        return Span(start, end)

    def _after(self, kind: Kind[Object]) -> Key:
        after, base = self._query.resume, kind.key(self._bucket.id)
        if after is None:
            return base
        if not after.generation:
            return successor(base + after.name.encode())
        if kind is NONCURRENT:
            return Key(kind.key(self._bucket.id, after.name, after.generation) + b"\x00")
        here = kind.key(self._bucket.id, after.name)
        return here if self._query.versions else Key(here + b"\x00")

    async def _folders(self) -> list[str]:
        """Return the managed folders that show as prefixes in the rest of the listing."""
        query, bucket = self._query, self._bucket
        if not (query.folders_as_prefixes and query.delimiter == "/" and bucket.managed_folders):
            return []
        span = MANAGED_FOLDER.under(bucket.id, prefix=query.prefix)
        found = await self._store.tx.scan(MANAGED_FOLDER, span, limit=FOLDERS_MAX)
        names = {self._collapsed(one.value.name) for one in found} - {""}
        after = query.resume.name if query.resume else ""
        return sorted(name for name in names if name > after)


async def _first(cursors: list[_Cursor]) -> tuple[_Cursor, Object] | None:
    """Return the cursor that stands on the least (name, generation), and what it stands on."""
    best: tuple[_Cursor, Object] | None = None
    for cursor in cursors:
        one = await cursor.peek()
        if one is not None and (best is None or _order(one) < _order(best[1])):
            best = (cursor, one)
    return best


def _order(one: Object) -> tuple[bytes, int]:
    return one.name.encode(), one.generation
