"""A writing load over HTTP, with a notebook of what was acknowledged and what was under way."""

from __future__ import annotations

import asyncio
import hashlib
import random
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx

PIECE = 256 * 1024
WRITERS = 6
OBJECTS_PAGE = 1000
OLD_READ = 40


@dataclass(slots=True)
class Notes:
    """What must hold: objects by name with the hash of their bytes, and sessions with offsets.

    `unsure` holds for each name what a request that got no answer may have made of it; None is
    its deletion. `further` is where a session may stand besides.
    """

    objects: dict[str, str | None] = field(default_factory=dict)
    unsure: dict[str, str | None] = field(default_factory=dict)
    sessions: dict[str, int] = field(default_factory=dict)
    further: dict[str, int] = field(default_factory=dict)
    acknowledged: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """Clients on the plain port, each with names of its own."""

    http: httpx.AsyncClient
    bucket: str
    notes: Notes
    chance: random.Random

    async def run(self, round_: int) -> None:
        """Write until the server is gone."""
        await asyncio.gather(*(self._write(f"{round_}-{n}") for n in range(WRITERS)))

    async def _write(self, writer: str) -> None:
        number = 0
        try:
            while True:
                number += 1
                await self._one(f"{writer}/{number % 7}", writer, number)
        except httpx.TransportError:
            return

    async def _one(self, name: str, writer: str, number: int) -> None:
        kind = self.chance.choice(("small", "small", "small", "large", "delete", "session"))
        if kind == "session":
            await self._session(f"{writer}/resumed-{number}")
        elif kind == "delete" and self.notes.objects.get(name) is not None:
            self.notes.unsure[name] = None
            _ok(await self.http.delete(self._object(name)))
            self._settle(name, None)
        else:
            size = 90_000 if kind == "large" else 2_000
            await self._put(name, self.chance.randbytes(size + number % 100))

    async def _put(self, name: str, data: bytes) -> None:
        digest = hashlib.sha256(data).hexdigest()
        self.notes.unsure[name] = digest
        query = {"uploadType": "media", "name": name}
        _ok(await self.http.post(self._upload, params=query, content=data))
        self._settle(name, digest)

    async def _session(self, name: str) -> None:
        query = {"uploadType": "resumable", "name": name}
        begun = _ok(await self.http.post(self._upload, params=query, json={}))
        session = begun.headers["x-guploader-uploadid"]
        self.notes.sessions[session] = 0
        for piece in range(2):
            start = piece * PIECE
            self.notes.further[session] = start + PIECE
            headers = {"content-range": f"bytes {start}-{start + PIECE - 1}/*"}
            query = {"uploadType": "resumable", "upload_id": session}
            data = piece_of(session, piece)
            _ok(await self.http.put(self._upload, params=query, content=data, headers=headers))
            self.notes.sessions[session] = self.notes.further.pop(session)
            self.notes.acknowledged += 1

    def _settle(self, name: str, digest: str | None) -> None:
        self.notes.objects[name] = digest
        del self.notes.unsure[name]
        self.notes.acknowledged += 1

    # After the restart.

    async def violations(self, round_: int | None) -> list[str]:
        """Return what does not hold, and make what does the new notes.

        Everything is listed; read are the objects of one round and some of the others, or all.
        """
        wrong = await self._check_listing()
        for name in self._to_read(round_):
            wrong += await self._check_object(name)
        for session in sorted(self.notes.sessions):
            wrong += await self._check_session(session)
        self.notes.sessions.clear()
        self.notes.further.clear()
        return wrong

    def _to_read(self, round_: int | None) -> list[str]:
        names = sorted({*self.notes.objects, *self.notes.unsure})
        if round_ is None:
            return names
        new = [n for n in names if n in self.notes.unsure or n.startswith(f"{round_}-")]
        old = sorted(set(names) - set(new))
        return new + self.chance.sample(old, min(len(old), OLD_READ))

    async def _check_listing(self) -> list[str]:
        listed: set[str] = set()
        query: dict[str, str | int] = {"maxResults": OBJECTS_PAGE}
        while True:
            page = _ok(await self.http.get(self._objects, params=query)).json()
            listed |= {one["name"] for one in page.get("items", [])}
            if "nextPageToken" not in page:
                break
            query["pageToken"] = page["nextPageToken"]
        sure = {name for name, digest in self.notes.objects.items() if digest is not None}
        sure -= set(self.notes.unsure)
        wrong = [f"{name} is acknowledged and not listed" for name in sorted(sure - listed)]
        strange = listed - sure - set(self.notes.unsure)
        return wrong + [f"{name} is listed and was never asked for" for name in sorted(strange)]

    async def _check_object(self, name: str) -> list[str]:
        answer = await self.http.get(self._object(name), params={"alt": "media"})
        got = None if answer.status_code == 404 else hashlib.sha256(answer.content).hexdigest()
        right = {self.notes.objects.get(name)}
        if name in self.notes.unsure:
            right.add(self.notes.unsure.pop(name))
        if answer.status_code not in {200, 404} or got not in right:
            return [f"{name}: {answer.status_code}, {got} is not among {right}"]
        self.notes.objects[name] = got
        return []

    async def _check_session(self, session: str) -> list[str]:
        """Ask where a session stands, then finish it from there and read what it made."""
        query = {"uploadType": "resumable", "upload_id": session}
        ask = {"content-range": "bytes */*"}
        answer = await self.http.put(self._upload, params=query, headers=ask)
        stands = int(answer.headers.get("range", "bytes=0--1").split("-", 1)[1]) + 1
        right = {self.notes.sessions[session], self.notes.further.get(session, 0)}
        if answer.status_code != 308 or stands not in right:
            return [f"session {session[:8]}: {answer.status_code} at {stands}, not {right}"]
        end = {"content-range": f"bytes {stands}-{stands + 9}/{stands + 10}"}
        done = await self.http.put(self._upload, params=query, content=b"0123456789", headers=end)
        if done.status_code != 200:
            return [f"session {session[:8]}: its end was answered {done.status_code}"]
        name = done.json()["name"]
        whole = b"".join(piece_of(session, n) for n in range(stands // PIECE)) + b"0123456789"
        self.notes.objects[name] = hashlib.sha256(whole).hexdigest()
        return await self._check_object(name)

    @property
    def _upload(self) -> str:
        return f"/upload/storage/v1/b/{self.bucket}/o"

    @property
    def _objects(self) -> str:
        return f"/storage/v1/b/{self.bucket}/o"

    def _object(self, name: str) -> str:
        return f"{self._objects}/{quote(name, safe='')}"


def piece_of(session: str, piece: int) -> bytes:
    return hashlib.shake_256(f"{session} {piece}".encode()).digest(PIECE)


def _ok(answer: httpx.Response) -> httpx.Response:
    if answer.status_code not in {200, 204, 308}:
        raise AssertionError(f"{answer.request.url}: {answer.status_code} {answer.text[:300]}")
    return answer
