"""Measures the candidates for the body format on one core: throughput, and what 4 KiB costs.

Run as `python bench/body_format.py`; the numbers behind docs/adr/0003-choose-body-format.md.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rempart.trust.custody import body, floe
from rempart.trust.custody.xaes import XAES256GCM

KIB = 1024
MIB = 1024 * KIB
TOTAL_BYTES = 256 * MIB
ROUNDS = 3
KEY = os.urandom(32)
CONTEXT = b"storage" * 14


def best_seconds(work: Callable[[], object], times: int) -> float:
    """Return the best mean over the rounds: the machine is shared, and noise only adds."""
    means = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        for _ in range(times):
            work()
        means.append((time.perf_counter() - begun) / times)
    return min(means)


def floe_seal(segment_plain: int, plain: bytes) -> list[bytes]:
    format_ = floe.Parameters(segment_plain + floe.SEGMENT_OVERHEAD_BYTES)
    message, header = floe.start(format_, KEY, CONTEXT, os.urandom)
    view, pieces, last = memoryview(plain), [header], (len(plain) - 1) // segment_plain
    for index in range(last + 1):
        part = view[index * segment_plain : (index + 1) * segment_plain]
        pieces += message.seal(part, index, os.urandom, final=index == last)
    return pieces


def floe_open(segment_plain: int, sealed: bytes) -> list[bytes]:
    step = segment_plain + floe.SEGMENT_OVERHEAD_BYTES
    message = floe.resume(floe.Parameters(step), KEY, CONTEXT, sealed[: floe.HEADER_BYTES])
    view = memoryview(sealed)[floe.HEADER_BYTES :]
    last = (len(view) - 1) // step
    return [
        message.open(view[index * step : (index + 1) * step], index, final=index == last)
        for index in range(last + 1)
    ]


def cobblestone_seal(piece_bytes: int, plain: bytes) -> list[bytes]:
    sealer, view = Cobblestone256Encryptor(KEY, CONTEXT), memoryview(plain)
    pieces = [
        sealer.update(view[at : at + piece_bytes]) for at in range(0, len(plain), piece_bytes)
    ]
    return [*pieces, sealer.finalize()]


def cobblestone_open(piece_bytes: int, sealed: bytes) -> list[bytes]:
    opener, view = Cobblestone256Decryptor(KEY, CONTEXT), memoryview(sealed)
    pieces = [
        opener.update(view[at : at + piece_bytes]) for at in range(0, len(sealed), piece_bytes)
    ]
    return [*pieces, opener.finalize()]


def ours_seal(piece_bytes: int, plain: bytes) -> int:
    sealer, view = body.Sealer(KEY, CONTEXT), memoryview(plain)
    length = len(sealer.header())
    for at in range(0, len(plain), piece_bytes):
        length += sum(map(len, sealer.update(view[at : at + piece_bytes])))
    return length + len(sealer.finish())


def ours_open(piece_bytes: int, length: int, sealed: bytes) -> int:
    view, got = memoryview(sealed), 0
    opener = body.Opener(KEY, CONTEXT, sealed[: body.HEADER_BYTES], length)
    for start in range(0, length, piece_bytes):
        stop = min(start + piece_bytes, length)
        offset, size = opener.sealed_span(start, stop)
        got += len(opener.open(start, stop, view[offset : offset + size]))
    return got


def row(
    name: str,
    seal: Callable[[bytes], object],
    open_: Callable[[bytes], object],
    join: Callable[[bytes], bytes],
    one_chunk: int,
) -> None:
    large, small = os.urandom(8 * MIB), os.urandom(4 * KIB)
    sealed_large, sealed_small = join(large), join(small)
    times = TOTAL_BYTES // len(large)
    rates = [
        len(large) / best_seconds(lambda: seal(large), times) / 1e9,
        len(large) / best_seconds(lambda: open_(sealed_large), times) / 1e9,
    ]
    costs = [
        best_seconds(lambda: seal(small), 20_000) * 1e6,
        best_seconds(lambda: open_(sealed_small), 20_000) * 1e6,
    ]
    chunk = os.urandom(one_chunk)
    cipher, nonce = AESGCM(KEY), os.urandom(12)
    sealed_chunk = cipher.encrypt(nonce, chunk, None)
    seek = best_seconds(lambda: cipher.decrypt(nonce, sealed_chunk, None), 3_000) * 1e6
    print(
        f"| {name:32} | {rates[0]:.2f} | {rates[1]:.2f} "
        f"| {costs[0]:5.1f} | {costs[1]:5.1f} | {seek:6.1f} |"
    )


def main() -> None:
    print("| format | seal GB/s | open GB/s | seal 4 KiB µs | open 4 KiB µs | one segment µs |")
    print("|---|---|---|---|---|---|")
    row(
        "Cobblestone-256, 16 KiB",
        lambda plain: cobblestone_seal(MIB, plain),
        lambda sealed: cobblestone_open(MIB, sealed),
        lambda plain: b"".join(cobblestone_seal(MIB, plain)),
        16 * KIB,
    )
    for size in (16 * KIB, 64 * KIB, 128 * KIB, 256 * KIB, MIB):
        floe_row(size)
    row(
        f"body.py ({body.SEGMENT_PLAIN_BYTES // KIB} KiB), by the MiB",
        lambda plain: ours_seal(MIB, plain) if len(plain) > MIB else body.seal(KEY, CONTEXT, plain),
        lambda sealed: (
            ours_open(MIB, 8 * MIB, sealed)
            if len(sealed) > MIB
            else body.open_(KEY, CONTEXT, sealed)
        ),
        lambda plain: body.seal(KEY, CONTEXT, plain),
        body.SEGMENT_PLAIN_BYTES,
    )
    records()


def floe_row(size: int) -> None:
    row(
        f"FLOE, {size // KIB} KiB",
        lambda plain: floe_seal(size, plain),
        lambda sealed: floe_open(size, sealed),
        lambda plain: b"".join(floe_seal(size, plain)),
        size,
    )


def records() -> None:
    cipher, nonce, record = XAES256GCM(KEY), os.urandom(24), os.urandom(512)
    sealed = cipher.encrypt(nonce, record, CONTEXT)
    seal = best_seconds(lambda: cipher.encrypt(nonce, record, CONTEXT), 30_000) * 1e6
    open_ = best_seconds(lambda: cipher.decrypt(nonce, sealed, CONTEXT), 30_000) * 1e6
    print(f"\nXAES-256-GCM, a 512-byte record: seal {seal:.1f} µs, open {open_:.1f} µs")


if __name__ == "__main__":
    main()
