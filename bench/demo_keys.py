"""Keys in other hands, shown: a universe and a key holder, two processes, two data directories.

`python -m bench.demo_keys` puts a bucket under an external key, lets the key holder's officer block
it, tries to read all the same as root of the universe's machine, unblocks, destroys, and verifies.
It ends with exit code 1 where anything is not as it is promised. It leaves nothing behind.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import jwt
from rich.console import Console

from bench import memory
from bench.ahead import destroy_what_falls_due
from bench.key_holder import KeyHolder, key_holder
from bench.parties import KMS, SPACE, Parties, caller
from bench.universe import Broken, Universe, free_ports, temporary_universe

RECORD = b"PATIENT 4711: a finding that nobody else may read. "
SMALL, LARGE = RECORD * 8, RECORD * 40_000
OBJECTS = {"small": SMALL, "large": LARGE}
BUCKET, LEASED = "records", "records-leased"
LEASE_SECONDS = 2
BLOCK_SECONDS_MAX = 1.0


@dataclass
class Demo:
    """Both parties, the customer's connection, and what is said on the way."""

    parties: Parties
    console: Console
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Return the key version that the first bucket lies under."""
        return f"{self.keys[BUCKET]}/cryptoKeyVersions/1"

    def say(self, what: str) -> None:
        self.console.print(f"  {what}", markup=False, highlight=False)

    def title(self, what: str) -> None:
        self.console.print(f"\n{what}", style="bold", markup=False, highlight=False)

    def caller(self, universe: Universe | None = None) -> httpx.Client:
        return caller(universe or self.universe)

    @property
    def universe(self) -> Universe:
        return self.parties.universe

    @property
    def holder(self) -> KeyHolder:
        return self.parties.holder

    def put(self, bucket: str) -> None:
        with self.caller() as caller:
            for name, content in OBJECTS.items():
                query = {"uploadType": "media", "name": name}
                caller.post(
                    f"/upload/storage/v1/b/{bucket}/o", params=query, content=content
                ).raise_for_status()

    def get(self, caller: httpx.Client, bucket: str, name: str = "small") -> httpx.Response:
        return caller.get(f"/storage/v1/b/{bucket}/o/{name}", params={"alt": "media"})

    def expect_readable(self, bucket: str) -> None:
        with self.caller() as caller:
            for name, content in OBJECTS.items():
                if self.get(caller, bucket, name).content != content:
                    raise Broken(f"gs://{bucket}/{name} is not what was written.")

    def expect_dead(self, universe: Universe, bucket: str) -> None:
        with self.caller(universe) as caller:
            for name in OBJECTS:
                answer = self.get(caller, bucket, name)
                if answer.is_success or RECORD in answer.content:
                    raise Broken(f"gs://{bucket}/{name} can still be read.")
                self.say(f"gs://{bucket}/{name}: {answer.status_code}, {_message(answer)}")

    # Taking away.

    def until_refused(self, bucket: str, block: Callable[[], object]) -> float:
        """Read without a pause while an officer blocks; return the seconds to the first refusal."""
        with self.caller() as caller:
            if not self.get(caller, bucket).is_success:
                raise Broken("The object cannot be read before the block.")
            block()
            begun, reads = time.perf_counter(), 0
            while self.get(caller, bucket).is_success:
                reads += 1
            seconds = time.perf_counter() - begun
        self.say(f"{reads} reads after the block was in force; first refusal {seconds:.3f} s after")
        return seconds

    def look_around_as_root(self) -> None:
        """Try what the operator of the universe can: the disk, the memory, a copy started anew."""
        self.say("root of the universe's machine looks for the text of the records:")
        found = [path for path in _files(self.universe.data) if RECORD in path.read_bytes()]
        self.say(f"on the disk, {sum(1 for _ in _files(self.universe.data))} files: {found or 0}")
        if found:
            raise Broken(f"Plaintext on the disk: {found}")
        if self.universe.process is None:
            raise Broken("The universe does not run.")
        for pid in memory.family(self.universe.process.pid):
            size, hits = _search_memory(pid, RECORD)
            self.say(f"in the memory of process {pid}, {size >> 20} MiB read: {hits} places")
        self.say("(what that is: docs/operating.md, Sealing, Memory; keys cannot be told from")
        self.say("other bytes by looking, so only the text is looked for)")


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])[:110]
    except (ValueError, KeyError):
        return answer.text[:110]


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]


def _search_memory(pid: int, wanted: bytes) -> tuple[int, int]:
    """Return how many bytes of a process could be read, and in how many places the text is."""
    total = hits = 0
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as content:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            if not rights.startswith("rw"):
                continue
            start, stop = (int(part, 16) for part in span.split("-"))
            try:
                content.seek(start)
                read = content.read(stop - start)
            except (OSError, ValueError, OverflowError):
                continue
            total += len(read)
            hits += read.count(wanted)
    return total, hits


def _copied(universe: Universe, to: Path) -> Universe:
    to.mkdir()
    shutil.copytree(universe.data, to / "data", ignore=shutil.ignore_patterns("run.json", "*.sock"))
    listen, http = free_ports(2)
    return Universe(to, listen, http)


def demonstrate(demo: Demo) -> None:
    """Do all of it; raises `Broken` at the first thing that is not as it must be."""
    for number, step in enumerate(STEPS, start=1):
        demo.title(f"{number}. {step.__doc__}")
        step(demo)


def introduce(demo: Demo) -> None:
    """Two parties introduce themselves; two officers decide together"""
    demo.parties.introduce()
    demo.say(f"the key holder answers at https://{demo.holder.host}, its certificate is pinned")


def put_under_keys(demo: Demo) -> None:
    """Buckets under keys that only the key holder has"""
    for bucket in (BUCKET, LEASED):
        demo.keys[bucket] = demo.parties.external_key(bucket)
        demo.parties.bucket(bucket, demo.keys[bucket])
        demo.put(bucket)
        demo.expect_readable(bucket)
        demo.say(f"gs://{bucket}: written and read under {demo.keys[bucket]}")
    demo.holder.decide("cache", f"{SPACE}/keys/{LEASED}", str(LEASE_SECONDS))
    demo.say(f"for gs://{LEASED} the key holder allows a lease of {LEASE_SECONDS} s, else none")
    demo.expect_readable(LEASED)


def block(demo: Demo) -> None:
    """An officer blocks everything"""
    seconds = demo.until_refused(BUCKET, lambda: demo.holder.signed("block"))
    if seconds > BLOCK_SECONDS_MAX:
        raise Broken(f"It took {seconds:.2f} s until reads were refused.")
    time.sleep(LEASE_SECONDS)
    for bucket in (BUCKET, LEASED):
        demo.expect_dead(demo.universe, bucket)


def try_as_root(demo: Demo) -> None:
    """The operator, who is root on the universe's machine, tries to read all the same"""
    demo.look_around_as_root()
    demo.universe.stop()
    copy = _copied(demo.universe, demo.universe.home / "copy")
    demo.say("a copy of the whole data directory, root key and log included, started anew:")
    copy.start()
    demo.expect_dead(copy, BUCKET)
    copy.stop()
    demo.universe.start()


def unblock(demo: Demo) -> None:
    """Two officers unblock"""
    demo.holder.unblock()
    for bucket in (BUCKET, LEASED):
        demo.expect_readable(bucket)
    demo.say("everything can be read again")


def destroy(demo: Demo) -> None:
    """Destroyed for good: the version in Cloud KMS, then the key at the key holder's"""
    demo.universe.stop()
    before = _copied(demo.universe, demo.universe.home / "before")
    demo.universe.start()
    demo.parties.post(f"{KMS}/{demo.version}:destroy", {})
    demo.expect_dead(demo.universe, BUCKET)
    demo.universe.stop()
    days = destroy_what_falls_due(demo.universe.data)
    demo.say(f"(the scheduled delay is not waited for: what falls due in {days} days is done now)")
    demo.holder.decide("destroy-key", f"{SPACE}/keys/{BUCKET}")
    demo.say("a copy from before the destruction, started anew, with the key holder answering:")
    before.start()
    demo.expect_dead(before, BUCKET)
    before.stop()


def verify(demo: Demo) -> None:
    """Everyone checks for themselves"""
    demo.universe.start()
    with demo.caller() as caller:
        given = caller.get(f"{KMS}/{demo.version}/erasureCertificate")
    given.raise_for_status()
    demo.universe.stop()
    _check_certificate(demo, given.json()["certificate"])
    demo.say(demo.universe.run("verify").rstrip().replace("\n", "\n  "))
    log = demo.holder.run("log", "--verify", "--data", str(demo.holder.data))
    demo.say(f"the key holder's log: {log.strip().splitlines()[-1]}")


STEPS = (introduce, put_under_keys, block, try_as_root, unblock, destroy, verify)


def _check_certificate(demo: Demo, certificate: str) -> None:
    """Verify the certificate as a stranger does: by the published keys and a common library."""
    published = jwt.PyJWKSet.from_dict(json.loads(demo.universe.run("issuer-keys")))
    read = jwt.decode_complete(certificate, published.keys[0], algorithms=["EdDSA"])
    claims = read["payload"]
    if read["header"]["typ"] != "erasure-certificate+jwt" or claims["objects"] != str(len(OBJECTS)):
        raise Broken(f"The certificate is not what it should be: {claims}")
    demo.say(f"erasure certificate: {claims['objects']} objects, {claims['bytes']} bytes under")
    demo.say(f"{claims['cryptoKeyVersion']}, entry {claims['log']['index']} of the log")
    demo.say(f"what it means: {claims['scope']}")


def main() -> int:
    """Run the demonstration and return the exit code."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    begun = time.perf_counter()
    try:
        with temporary_universe() as universe, key_holder(universe.home) as holder:
            universe.start()
            demonstrate(Demo(Parties(universe, holder), console))
    except (Broken, httpx.HTTPError, subprocess.SubprocessError, OSError) as problem:
        print(f"The demonstration failed: {problem}", file=sys.stderr)
        return 1
    print(f"\nAll of it was as promised. {time.perf_counter() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
