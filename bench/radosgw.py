"""Ceph's S3 gateway on one OSD without copies: Debian's packages, one monitor, no manager.

BlueStore keeps its data in a sparse file and writes each change durably before it answers.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from bench import load
from bench.dialects import SignedS3
from bench.load import Place
from bench.peers import Missing, Target, install, running
from bench.universe import free_ports

PACKAGES = "ceph-mon ceph-osd ceph-common radosgw"
PROGRAMS = ("ceph-mon", "ceph-osd", "ceph", "radosgw")
BLOCK_BYTES = 48 << 30
"""The sparse file's size: what is overwritten stays in it for two hours."""

GATEWAY = "client.rgw.a"
KEYS = {
    "mon.": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "osd": "allow *"},
    "osd.0": {"mon": "allow profile osd", "osd": "allow *"},
    GATEWAY: {"mon": "allow rw", "osd": "allow rwx"},
}
"""Who takes part, and what each may do: the monitor is made with all of them in it."""

COMMAND_SECONDS_MAX = 60
UP_SECONDS_MAX = 60
CONF = """[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{monitor}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
keyring = {home}/keyring
admin socket =
pid file =
run dir = {home}
crash dir = {home}
log to stderr = true
log file =
mon cluster log file = /dev/null
mon data = {home}/mon
mon allow pool size one = true
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd data = {home}/osd
osd objectstore = bluestore
osd class update on start = false
bluestore block size = {block}
bdev enable discard = false
rgw data = {home}/rgw
rgw frontends = beast endpoint=127.0.0.1:{gateway} tcp_nodelay=1
"""


@contextlib.contextmanager
def radosgw(home: Path) -> Iterator[Target]:
    """Run the cluster and its gateway."""
    install(PACKAGES, *PROGRAMS)
    monitor, gateway = free_ports(2)
    here = ["-c", _prepared(home, monitor, gateway)]
    with contextlib.ExitStack() as stack:
        stack.enter_context(running(["ceph-mon", *here, "-i", "a", "-f"], home, monitor))
        disk = str(uuid.uuid4())
        _run("ceph", *here, "osd", "new", disk)
        _run("ceph-osd", *here, "-i", "0", "--mkfs", "--osd-uuid", disk)
        # The monitor answers already; that the disk is up is asked of the monitor.
        stack.enter_context(running(["ceph-osd", *here, "-i", "0", "-f"], home, monitor))
        _wait_until_up(here)
        stack.enter_context(running(["radosgw", *here, "-n", GATEWAY, "-f"], home, gateway))
        who = SignedS3("bench", uuid.uuid4().hex)
        keys = (f"--access-key={who.access}", f"--secret-key={who.secret}")
        user = ("user", "create", "--uid=bench", "--display-name=bench", *keys)
        _run("radosgw-admin", *here, "-n", GATEWAY, *user)
        # The first object makes the pool of all objects, which takes seconds.
        first = [who.make_bucket(), who.put("first", 1)]
        for head, body in zip(first, (b"", b"x"), strict=True):
            load.each(Place(gateway), [head], body, connections=1)
        yield Target("radosgw", "on disk when answered (fdatasync)", Place(gateway), who)


def _prepared(home: Path, monitor: int, gateway: int) -> str:
    """Write the configuration, the keys and the monitor's store; return the first's path."""
    for name in ("mon", "osd", "rgw"):
        (home / name).mkdir(parents=True)
    conf, keyring, monmap = (str(home / name) for name in ("ceph.conf", "keyring", "monmap"))
    fsid = str(uuid.uuid4())
    Path(conf).write_text(
        CONF.format(home=home, fsid=fsid, monitor=monitor, gateway=gateway, block=BLOCK_BYTES)
    )
    for name, caps in KEYS.items():
        new = () if Path(keyring).exists() else ("-C",)
        _run("ceph-authtool", keyring, *new, "--gen-key", "-n", name, *_caps(caps))
    address = f"[v2:127.0.0.1:{monitor}]"
    _run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, monmap)
    store = ("--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring)
    _run("ceph-mon", "-c", conf, *store)
    return conf


def _caps(caps: dict[str, str]) -> Iterator[str]:
    for where, what in caps.items():
        yield from ("--cap", where, what)


def _run(*words: str) -> str:
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"{words[0]} does not end") from None
    if done.returncode:
        raise Missing(f"{words[0]}: {(done.stderr or done.stdout)[-300:]}")
    return done.stdout


def _wait_until_up(here: list[str]) -> None:
    end = time.monotonic() + UP_SECONDS_MAX
    while "1 up" not in _run("ceph", *here, "osd", "stat"):
        if time.monotonic() > end:
            raise Missing("Ceph's disk does not come up")
        time.sleep(0.3)
