"""How each kind of server is asked: heads of requests, as bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

BUCKET = "bench"


class Dialect(Protocol):
    """The four requests of the tables; a server without listing returns None for it."""

    def put(self, name: str, size: int) -> bytes: ...

    def get(self, name: str) -> bytes: ...

    def delete(self, name: str) -> bytes: ...

    def list(self, bucket: str, start: str = "") -> bytes | None: ...


def _head(verb: str, target: str, *lines: str, size: int | None = None) -> bytes:
    length = () if size is None else (f"Content-Length: {size}",)
    kind = ("Content-Type: application/octet-stream",) if size else ()
    first = (f"{verb} {target} HTTP/1.1", "Host: localhost")
    return ("\r\n".join((*first, *lines, *kind, *length)) + "\r\n\r\n").encode()


@dataclass(frozen=True, slots=True)
class JSONStorage:
    """Cloud Storage's JSON API with a bearer token."""

    token: str

    @property
    def _who(self) -> str:
        return f"Authorization: Bearer {self.token}"

    def put(self, name: str, size: int) -> bytes:
        target = f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={quote(name, safe='')}"
        return _head("POST", target, self._who, size=size)

    def get(self, name: str) -> bytes:
        target = f"/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}?alt=media"
        return _head("GET", target, self._who)

    def delete(self, name: str) -> bytes:
        return _head("DELETE", f"/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}", self._who)

    def list(self, bucket: str, start: str = "") -> bytes | None:
        after = f"&startOffset={quote(start, safe='')}" if start else ""
        return _head("GET", f"/storage/v1/b/{bucket}/o?maxResults=1000{after}", self._who)


@dataclass(frozen=True, slots=True)
class Paths:
    """Names are paths: WebDAV as nginx speaks it, S3 where the server asks for no signature."""

    lists: bool

    def put(self, name: str, size: int) -> bytes:
        return _head("PUT", f"/{BUCKET}/{quote(name)}", size=size)

    def get(self, name: str) -> bytes:
        return _head("GET", f"/{BUCKET}/{quote(name)}")

    def delete(self, name: str) -> bytes:
        return _head("DELETE", f"/{BUCKET}/{quote(name)}")

    def list(self, bucket: str, start: str = "") -> bytes | None:
        after = f"&start-after={quote(start, safe='')}" if start else ""
        return _head("GET", f"/{bucket}?list-type=2&max-keys=1000{after}") if self.lists else None
