"""What a Python data program does through `gs://`, in a process of its own.

aiohttp reads which authorities to trust when it is imported, so this cannot be pytest's process.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import fsspec
import gcsfs

MIB = 1024 * 1024


def small_files(files: gcsfs.GCSFileSystem, bucket: str) -> None:
    files.pipe({f"{bucket}/a.txt": b"first", f"{bucket}/dir/b.txt": b"second"})
    assert sorted(files.ls(bucket)) == [f"{bucket}/a.txt", f"{bucket}/dir"]
    assert files.find(bucket) == [f"{bucket}/a.txt", f"{bucket}/dir/b.txt"]
    assert files.glob(f"{bucket}/**/*.txt") == [f"{bucket}/a.txt", f"{bucket}/dir/b.txt"]
    assert files.cat(f"{bucket}/a.txt") == b"first"
    assert files.cat_file(f"{bucket}/a.txt", start=1, end=3) == b"ir"
    shown = files.info(f"{bucket}/dir/b.txt")
    assert (shown["size"], shown["type"]) == (6, "file")
    assert files.isdir(f"{bucket}/dir")
    assert files.exists(f"{bucket}/a.txt")
    assert not files.exists(f"{bucket}/absent")
    files.copy(f"{bucket}/a.txt", f"{bucket}/copy.txt")
    files.mv(f"{bucket}/copy.txt", f"{bucket}/moved.txt")
    assert not files.exists(f"{bucket}/copy.txt")
    files.setxattrs(f"{bucket}/moved.txt", colour="red")
    assert files.getxattr(f"{bucket}/moved.txt", "colour") == "red"
    files.merge(f"{bucket}/merged", [f"{bucket}/a.txt", f"{bucket}/dir/b.txt"])
    assert files.cat(f"{bucket}/merged") == b"firstsecond"
    files.rm([f"{bucket}/{one}" for one in ("a.txt", "moved.txt", "merged")])
    files.rm(f"{bucket}/dir", recursive=True)
    files.invalidate_cache()
    assert files.find(bucket) == []


def large_files(files: gcsfs.GCSFileSystem, bucket: str) -> None:
    content = os.urandom(6 * MIB + 3)
    with files.open(f"{bucket}/large", "wb", block_size=MIB) as sink:
        for start in range(0, len(content), 700_000):
            sink.write(content[start : start + 700_000])
    with files.open(f"{bucket}/large", "rb", block_size=MIB) as source:
        source.seek(5 * MIB)
        assert source.read(100) == content[5 * MIB : 5 * MIB + 100]
        source.seek(0)
        assert source.read() == content
    with fsspec.open(f"gs://{bucket}/words", "w") as words:
        words.write("naïve\n")
    assert files.cat(f"{bucket}/words") == "naïve\n".encode()


def trees(files: gcsfs.GCSFileSystem, bucket: str, tree: Path, down: Path) -> None:
    files.put(f"{tree}/", f"{bucket}/tree/", recursive=True)
    files.get(f"{bucket}/tree/", f"{down}/", recursive=True)


def buckets(files: gcsfs.GCSFileSystem, name: str) -> None:
    files.mkdir(name, location=os.environ["REMPART_LOCATION"])
    assert f"{name}/" in files.ls("")
    files.rmdir(name)
    files.invalidate_cache()
    assert f"{name}/" not in files.ls("")


def main(bucket: str, tree: str, down: str) -> None:
    files = gcsfs.GCSFileSystem(project=os.environ["GOOGLE_CLOUD_PROJECT"])
    small_files(files, bucket)
    large_files(files, bucket)
    trees(files, bucket, Path(tree), Path(down))
    buckets(files, f"{bucket}-2")


if __name__ == "__main__":
    main(*sys.argv[1:])
