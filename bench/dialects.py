"""How each kind of server is asked: heads of requests, as bytes."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass
from functools import lru_cache
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
    bucket: str = BUCKET

    @property
    def _who(self) -> str:
        return f"Authorization: Bearer {self.token}"

    def put(self, name: str, size: int) -> bytes:
        target = (
            f"/upload/storage/v1/b/{self.bucket}/o?uploadType=media&name={quote(name, safe='')}"
        )
        return _head("POST", target, self._who, size=size)

    def get(self, name: str) -> bytes:
        target = f"/storage/v1/b/{self.bucket}/o/{quote(name, safe='')}?alt=media"
        return _head("GET", target, self._who)

    def delete(self, name: str) -> bytes:
        return _head("DELETE", f"/storage/v1/b/{self.bucket}/o/{quote(name, safe='')}", self._who)

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


@dataclass(frozen=True, slots=True)
class SignedS3:
    """S3 with AWS's Signature Version 4 in a header; the body itself is not signed."""

    access: str
    secret: str

    def put(self, name: str, size: int) -> bytes:
        return self._signed("PUT", f"/{BUCKET}/{quote(name)}", size=size)

    def get(self, name: str) -> bytes:
        return self._signed("GET", f"/{BUCKET}/{quote(name)}")

    def delete(self, name: str) -> bytes:
        return self._signed("DELETE", f"/{BUCKET}/{quote(name)}")

    def list(self, bucket: str, start: str = "") -> bytes | None:
        after = f"&start-after={quote(start, safe='')}" if start else ""
        return self._signed("GET", f"/{bucket}", f"list-type=2&max-keys=1000{after}")

    def make_bucket(self) -> bytes:
        return self._signed("PUT", f"/{BUCKET}", size=0)

    def _signed(self, verb: str, path: str, query: str = "", size: int | None = None) -> bytes:
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = f"{moment[:8]}/us-east-1/s3/aws4_request"
        lines = (f"x-amz-content-sha256: {_UNSIGNED}", f"x-amz-date: {moment}")
        canonical = "\n".join(line.replace(": ", ":") for line in ("host: localhost", *lines))
        request = f"{verb}\n{path}\n{query}\n{canonical}\n\n{_SIGNED}\n{_UNSIGNED}"
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
        signature = hmac.digest(_key(self.secret, scope), text.encode(), "sha256").hex()
        who = (
            f"Authorization: AWS4-HMAC-SHA256 Credential={self.access}/{scope}, "
            f"SignedHeaders={_SIGNED}, Signature={signature}"
        )
        return _head(verb, f"{path}?{query}" if query else path, who, *lines, size=size)


_UNSIGNED = "UNSIGNED-PAYLOAD"
_SIGNED = "host;x-amz-content-sha256;x-amz-date"


@lru_cache
def _key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
