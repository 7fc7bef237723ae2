"""Google's own Python library, against a real server over TLS."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
from google.api_core import exceptions
from google.auth.exceptions import InvalidOperation
from google.cloud import storage
from google.cloud.storage import transfer_manager
from google.oauth2 import service_account

from support.universe import Universe

# The library leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

KIB, MIB = 1024, 1024 * 1024
BATCH_CALLS = 10
REFUSED_ANONYMOUS = (exceptions.Unauthorized, InvalidOperation)
"""For downloads the library answers a 401 by trying to refresh what cannot be refreshed."""


@pytest.fixture(scope="module")
def client(shell: Universe) -> Iterator[storage.Client]:
    made = storage.Client(client_options={"universe_domain": shell.domain})
    yield made
    made.close()


@pytest.fixture
def anonymous(shell: Universe) -> Iterator[storage.Client]:
    made = storage.Client.create_anonymous_client()
    yield made
    made.close()


@pytest.fixture
def home(client: storage.Client, bucket: str) -> storage.Bucket:
    return client.bucket(bucket)


@pytest.fixture
def stranger(shell: Universe) -> Iterator[storage.Client]:
    credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]  # Google's is untyped
        shell.keys["stranger"], scopes=["https://www.googleapis.com/auth/cloud-platform"]
    )
    made = storage.Client(
        project=shell.project,
        credentials=credentials,
        client_options={"universe_domain": shell.domain},
    )
    yield made
    made.close()


def names(found: Any) -> list[str]:
    return [one.name for one in found]


def put(home: storage.Bucket, *objects: str) -> None:
    for name in objects:
        home.blob(name).upload_from_string(name)


# Buckets.


def test_a_bucket_lives_its_life(client: storage.Client, shell: Universe, name: str) -> None:
    fresh = client.bucket(name)
    assert not fresh.exists()
    fresh.iam_configuration.uniform_bucket_level_access_enabled = True
    fresh.labels = {"team": "red"}
    made = client.create_bucket(fresh, location=shell.location)
    assert made.location == shell.location.upper()
    assert made.storage_class == "STANDARD"
    assert made.iam_configuration.uniform_bucket_level_access_enabled
    assert name in names(client.list_buckets(prefix=name[:6]))

    made.labels = {"team": "blue", "level": "7"}
    made.versioning_enabled = True
    made.default_event_based_hold = True
    made.iam_configuration.public_access_prevention = "enforced"
    made.patch()
    again = client.get_bucket(name)
    assert again.labels == {"team": "blue", "level": "7"}
    assert again.versioning_enabled
    assert again.default_event_based_hold
    assert again.iam_configuration.public_access_prevention == "enforced"
    assert again.metageneration == 2

    with pytest.raises(exceptions.Conflict):
        client.create_bucket(name, location=shell.location)
    again.delete()
    with pytest.raises(exceptions.NotFound):
        client.get_bucket(name)


def test_a_bucket_with_objects_is_deleted_only_by_force(
    client: storage.Client, home: storage.Bucket
) -> None:
    put(home, "a", "b")
    with pytest.raises(exceptions.Conflict):
        home.delete()
    home.delete(force=True)
    assert client.lookup_bucket(home.name) is None


def test_buckets_are_listed_by_pages(client: storage.Client, shell: Universe, name: str) -> None:
    made = {f"{name}-{number}" for number in range(3)}
    for one in made:
        client.create_bucket(one, location=shell.location)
    pages = client.list_buckets(prefix=name, page_size=2).pages
    assert [len(list(page)) for page in pages] == [2, 1]
    assert set(names(client.list_buckets(prefix=name))) == made


def test_a_policy_with_a_condition_opens_what_it_names(
    home: storage.Bucket, stranger: storage.Client, shell: Universe
) -> None:
    put(home, "public/a", "private/b")
    member = f"serviceAccount:{shell.keys['stranger']['client_email']}"
    with pytest.raises(exceptions.Forbidden):
        stranger.bucket(home.name).blob("public/a").download_as_bytes()
    policy = home.get_iam_policy(requested_policy_version=3)
    policy.version = 3
    start = f"projects/_/buckets/{home.name}/objects/public/"
    policy.bindings.append(
        {
            "role": "roles/storage.objectViewer",
            "members": {member},
            "condition": {
                "title": "public only",
                "expression": f'resource.name.startsWith("{start}")',
            },
        }
    )
    home.set_iam_policy(policy)
    kept = home.get_iam_policy(requested_policy_version=3)
    assert [one["condition"]["title"] for one in kept.bindings if "condition" in one] == [
        "public only"
    ]
    assert stranger.bucket(home.name).blob("public/a").download_as_bytes() == b"public/a"
    with pytest.raises(exceptions.Forbidden):
        stranger.bucket(home.name).blob("private/b").download_as_bytes()
    with pytest.raises(exceptions.Forbidden):
        stranger.bucket(home.name).blob("public/c").upload_from_string("x")
    assert home.test_iam_permissions(["storage.buckets.get", "storage.objects.get"]) == [
        "storage.buckets.get",
        "storage.objects.get",
    ]
    assert stranger.bucket(home.name).test_iam_permissions(["storage.buckets.delete"]) == []
    for wrong in ("storage.buckets.list", "storage.object.get", "resourcemanager.projects.get"):
        with pytest.raises(exceptions.BadRequest, match=f"Permission {wrong} is not valid"):
            home.test_iam_permissions(["storage.buckets.get", wrong])


def test_a_policy_that_was_changed_meanwhile_is_not_overwritten(home: storage.Bucket) -> None:
    first = home.get_iam_policy(requested_policy_version=3)
    second = home.get_iam_policy(requested_policy_version=3)
    first.bindings.append({"role": "roles/storage.objectViewer", "members": {"allUsers"}})
    home.set_iam_policy(first)
    with pytest.raises(exceptions.GoogleAPIError) as problem:
        home.set_iam_policy(second, retry=None)
    assert problem.value.code in {409, 412}  # type: ignore[attr-defined]  # every HTTP error has one


def test_a_client_that_knows_no_conditions_neither_sees_nor_loses_them(
    home: storage.Bucket, shell: Universe
) -> None:
    policy = home.get_iam_policy(requested_policy_version=3)
    policy.version = 3
    member = f"serviceAccount:{shell.keys['stranger']['client_email']}"
    guarded = {
        "role": "roles/storage.objectViewer",
        "members": {member},
        "condition": {"title": "for now", "expression": "true"},
    }
    policy.bindings.append(guarded)
    home.set_iam_policy(policy)
    old = home.get_iam_policy()
    assert old.version == 1
    (marked,) = (one for one in old.bindings if member in one["members"])
    assert marked["role"].startswith("roles/storage.objectViewer_withcond_")
    assert "condition" not in marked
    old.bindings.remove(marked)
    with pytest.raises(exceptions.BadRequest, match="less than the existing policy version"):
        home.set_iam_policy(old)
    assert guarded in home.get_iam_policy(requested_policy_version=3).bindings


def test_everybody_reads_what_all_users_may(
    home: storage.Bucket, anonymous: storage.Client, shell: Universe
) -> None:
    put(home, "open")
    with pytest.raises(REFUSED_ANONYMOUS):
        anonymous.bucket(home.name).blob("open").download_as_bytes()
    policy = home.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"allUsers"}})
    home.set_iam_policy(policy)
    assert anonymous.bucket(home.name).blob("open").download_as_bytes() == b"open"
    with shell.caller() as caller:
        assert caller.get(f"/storage/v1/b/{home.name}/o/open?alt=media").content == b"open"
    home.reload()
    home.iam_configuration.public_access_prevention = "enforced"
    home.patch()
    with pytest.raises(REFUSED_ANONYMOUS):
        anonymous.bucket(home.name).blob("open").download_as_bytes()


# Uploads and downloads.


@pytest.mark.parametrize("size", [0, 1, 64 * KIB, 64 * KIB + 1, MIB, 9 * MIB + 3])
@pytest.mark.parametrize("checksum", ["md5", "crc32c", "auto"])
def test_bytes_come_back_as_they_went(home: storage.Bucket, size: int, checksum: str) -> None:
    content = os.urandom(size)
    blob = home.blob("dir/o")
    blob.upload_from_string(content, content_type="application/x-test", checksum=checksum)
    assert blob.size == size
    assert blob.content_type == "application/x-test"
    assert blob.md5_hash == base64.b64encode(hashlib.md5(content).digest()).decode()
    crc = google_crc32c.value(content).to_bytes(4, "big")
    assert blob.crc32c == base64.b64encode(crc).decode()
    assert home.blob("dir/o").download_as_bytes(checksum=checksum) == content


def test_a_file_goes_up_and_comes_back(home: storage.Bucket, tmp_path: Path) -> None:
    source, back = tmp_path / "a.txt", tmp_path / "b.txt"
    source.write_bytes(b"words\r\n" * 100)
    blob = home.blob("a.txt")
    blob.metadata = {"colour": "red", "naïve": "café"}
    blob.cache_control = "no-store"
    blob.upload_from_filename(str(source))
    assert blob.content_type == "text/plain"
    blob.download_to_filename(str(back))
    assert back.read_bytes() == source.read_bytes()
    again = home.get_blob("a.txt")
    assert again is not None
    assert again.metadata == {"colour": "red", "naïve": "café"}
    assert again.cache_control == "no-store"


def test_a_stream_goes_up_in_chunks(home: storage.Bucket) -> None:
    content = os.urandom(3 * MIB + 11)
    blob = home.blob("chunked", chunk_size=256 * KIB)
    blob.upload_from_file(io.BytesIO(content), size=len(content))
    assert home.blob("chunked").download_as_bytes() == content
    unknown = home.blob("unknown", chunk_size=512 * KIB)
    unknown.upload_from_file(io.BytesIO(content))
    assert home.blob("unknown").download_as_bytes() == content


def test_a_blob_is_a_file_to_write_and_to_read(home: storage.Bucket) -> None:
    content = os.urandom(MIB + 5)
    blob = home.blob("file")
    with blob.open("wb", chunk_size=256 * KIB) as sink:
        sink.write(content[:1000])
        sink.write(content[1000:])
    with blob.open("rb", chunk_size=256 * KIB) as source:
        assert source.read(10) == content[:10]
        source.seek(500_000)
        assert source.read(100) == content[500_000:500_100]
        source.seek(0)
        assert source.read() == content
    with home.blob("text").open("w") as words:
        words.write("naïve\n\u6f22\n")
    with home.blob("text").open("r") as words:
        assert list(words) == ["naïve\n", "\u6f22\n"]


def test_ranges_are_inclusive_and_checked(home: storage.Bucket) -> None:
    blob = home.blob("digits")
    blob.upload_from_string(b"0123456789")
    assert blob.download_as_bytes(start=2, end=4) == b"234"
    assert blob.download_as_bytes(start=7) == b"789"
    assert blob.download_as_bytes(end=0) == b"0"
    assert blob.download_as_bytes(start=-3) == b"789"
    with pytest.raises(exceptions.RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=10)


def test_a_large_object_comes_down_by_concurrent_ranges(
    home: storage.Bucket, tmp_path: Path
) -> None:
    content = os.urandom(5 * MIB + 1)
    blob = home.blob("wide")
    blob.upload_from_string(content)
    transfer_manager.download_chunks_concurrently(
        blob,
        str(tmp_path / "wide"),
        chunk_size=MIB,
        worker_type=transfer_manager.THREAD,
        max_workers=4,
    )
    assert (tmp_path / "wide").read_bytes() == content


def test_many_files_go_up_and_down_at_once(home: storage.Bucket, tmp_path: Path) -> None:
    files = {f"f{number}": os.urandom(number * 1000) for number in range(12)}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    results = transfer_manager.upload_many_from_filenames(
        home, list(files), source_directory=str(tmp_path), worker_type=transfer_manager.THREAD
    )
    assert results == [None] * len(files)
    down = tmp_path / "down"
    results = transfer_manager.download_many_to_path(
        home, list(files), destination_directory=str(down), worker_type=transfer_manager.THREAD
    )
    assert results == [None] * len(files)
    assert {path.name: path.read_bytes() for path in down.iterdir()} == files


def test_a_gzip_object_is_unpacked_on_the_way(home: storage.Bucket, shell: Universe) -> None:
    packed = gzip.compress(b"again and " * 1000)
    blob = home.blob("words.gz")
    blob.content_encoding = "gzip"
    blob.upload_from_string(packed, content_type="text/plain")
    assert blob.download_as_bytes() == b"again and " * 1000
    assert blob.download_as_bytes(raw_download=True) == packed
    with shell.caller(shell.token()) as caller:
        path = f"/storage/v1/b/{home.name}/o/words.gz?alt=media"
        plain = caller.get(path, headers={"accept-encoding": "identity"})
        assert plain.content == b"again and " * 1000
        assert "content-encoding" not in plain.headers
        assert plain.headers["x-goog-stored-content-encoding"] == "gzip"
        assert plain.headers["x-goog-stored-content-length"] == str(len(packed))


def test_a_key_of_ones_own_is_needed_again(client: storage.Client, home: storage.Bucket) -> None:
    key, other = os.urandom(32), os.urandom(32)
    for name, content in (("small", b"secret"), ("large", os.urandom(MIB))):
        home.blob(name, encryption_key=key).upload_from_string(content)
        assert home.blob(name, encryption_key=key).download_as_bytes() == content
        for wrong in (None, other):
            with pytest.raises(exceptions.BadRequest):
                home.blob(name, encryption_key=wrong).download_as_bytes()
    target = home.blob("rotated", encryption_key=other)
    token, _, _ = target.rewrite(home.blob("small", encryption_key=key))
    assert token is None
    assert home.blob("rotated", encryption_key=other).download_as_bytes() == b"secret"
    shown = client.bucket(home.name).get_blob("small")
    assert shown is not None
    assert shown.crc32c is None


# Generations and preconditions.


def test_generations_are_kept_where_versioning_is_on(home: storage.Bucket) -> None:
    home.versioning_enabled = True
    home.patch()
    blob = home.blob("o")
    blob.upload_from_string("one")
    first = blob.generation
    blob.upload_from_string("two")
    assert blob.generation > first
    assert home.blob("o", generation=first).download_as_bytes() == b"one"
    assert [one.generation for one in home.list_blobs(versions=True)] == [first, blob.generation]
    home.blob("o").delete()
    assert names(home.list_blobs()) == []
    assert len(list(home.list_blobs(versions=True))) == 2
    home.copy_blob(home.blob("o"), home, "o", source_generation=first)
    assert home.blob("o").download_as_bytes() == b"one"
    home.blob("o", generation=first).delete()
    with pytest.raises(exceptions.NotFound):
        home.blob("o", generation=first).download_as_bytes()


def test_without_versioning_the_older_generation_is_gone(home: storage.Bucket) -> None:
    blob = home.blob("o")
    blob.upload_from_string("one")
    first = blob.generation
    blob.upload_from_string("two")
    with pytest.raises(exceptions.NotFound):
        home.blob("o", generation=first).download_as_bytes()


def test_preconditions_hold_or_fail(home: storage.Bucket) -> None:
    blob = home.blob("o")
    blob.upload_from_string("one", if_generation_match=0)
    first = blob.generation
    attempts: tuple[Callable[[], object], ...] = (
        lambda: home.blob("o").upload_from_string("x", if_generation_match=0),
        lambda: home.blob("o").upload_from_string("x", if_generation_match=first + 1),
        lambda: home.blob("o").delete(if_metageneration_match=9),
        lambda: home.blob("o").download_as_bytes(if_generation_match=first + 1),
        lambda: home.blob("o").reload(if_metageneration_match=9),
        lambda: home.copy_blob(home.blob("o"), home, "p", if_source_generation_match=first + 1),
    )
    for attempt in attempts:
        with pytest.raises(exceptions.PreconditionFailed):
            attempt()
    with pytest.raises(exceptions.NotModified):
        home.blob("o").download_as_bytes(if_generation_not_match=first)
    assert home.blob("o").download_as_bytes(if_generation_match=first) == b"one"
    home.blob("o").upload_from_string("two", if_generation_match=first)
    assert names(home.list_blobs()) == ["o"]


# Copies.


def test_objects_are_copied_rewritten_moved_and_composed(
    client: storage.Client, home: storage.Bucket, shell: Universe
) -> None:
    source = home.blob("source")
    source.metadata = {"k": "v"}
    source.upload_from_string("content", content_type="text/x-test")
    other = client.create_bucket(f"{home.name}-other", location=shell.location)
    copied = home.copy_blob(source, other, "copied")
    assert (copied.content_type, copied.metadata) == ("text/x-test", {"k": "v"})
    assert copied.download_as_bytes() == b"content"
    rewritten = home.blob("rewritten")
    token, done, total = rewritten.rewrite(source)
    assert (token, done, total) == (None, 7, 7)
    source.update_storage_class("NEARLINE")
    assert home.get_blob("source").storage_class == "NEARLINE"
    moved = home.move_blob(home.blob("rewritten"), "moved")
    assert moved.download_as_bytes() == b"content"
    assert not home.blob("rewritten").exists()
    renamed = home.rename_blob(moved, "renamed")
    composed = home.blob("composed")
    composed.content_type = "text/plain"
    composed.compose([source, renamed, source])
    assert composed.download_as_bytes() == b"content" * 3
    assert composed.component_count == 3
    assert composed.md5_hash is None
    crc = google_crc32c.value(b"content" * 3).to_bytes(4, "big")
    assert composed.crc32c == base64.b64encode(crc).decode()
    with pytest.raises(exceptions.NotFound):
        home.blob("never").compose([source, home.blob("absent")])
    with pytest.raises(exceptions.BadRequest):
        home.blob("never").compose([source] * 33)
    assert not home.blob("never").exists()


# Batches, lists and metadata.


def test_a_batch_is_many_calls_in_one(client: storage.Client, home: storage.Bucket) -> None:
    objects = [f"o{number}" for number in range(BATCH_CALLS)]
    put(home, *objects)
    with client.batch():
        for name in objects[:5]:
            home.delete_blob(name)
        for name in objects[5:]:
            blob = home.blob(name)
            blob.metadata = {"touched": "yes"}
            blob.patch()
    assert names(home.list_blobs()) == objects[5:]
    assert all(blob.metadata == {"touched": "yes"} for blob in home.list_blobs())
    with pytest.raises(exceptions.NotFound), client.batch():
        home.delete_blob("absent")
    home.delete_blobs([home.blob(name) for name in objects[5:]])
    assert names(home.list_blobs()) == []


def test_lists_follow_prefix_delimiter_offset_glob_and_pages(home: storage.Bucket) -> None:
    objects = ["a.txt", "b/", "b/c.txt", "b/d/e.txt", "b/f.txt", "g/h.txt", "z"]
    put(home, *objects)
    assert names(home.list_blobs()) == objects
    top = home.list_blobs(delimiter="/")
    assert names(top) == ["a.txt", "z"]
    assert top.prefixes == {"b/", "g/"}
    inside = home.list_blobs(prefix="b/", delimiter="/")
    assert names(inside) == ["b/", "b/c.txt", "b/f.txt"]
    assert inside.prefixes == {"b/d/"}
    trailing = home.list_blobs(delimiter="/", include_trailing_delimiter=True)
    assert names(trailing) == ["a.txt", "b/", "z"]
    assert names(home.list_blobs(start_offset="b/c.txt", end_offset="g/")) == objects[2:5]
    assert names(home.list_blobs(match_glob="**.txt")) == [
        "a.txt",
        "b/c.txt",
        "b/d/e.txt",
        "b/f.txt",
        "g/h.txt",
    ]
    assert names(home.list_blobs(match_glob="b/*.txt")) == ["b/c.txt", "b/f.txt"]
    pages = [names(page) for page in home.list_blobs(page_size=3).pages]
    assert pages == [objects[:3], objects[3:6], objects[6:]]
    assert names(home.list_blobs(max_results=2)) == objects[:2]
    some = home.list_blobs(fields="items(name),nextPageToken")
    assert next((one.name, one.size) for one in some) == ("a.txt", None)


def test_a_page_token_stays_right_while_others_write(home: storage.Bucket) -> None:
    put(home, *(f"m{number:02}" for number in range(0, 20, 2)))
    pages = home.list_blobs(page_size=4).pages
    seen = names(next(pages))
    put(home, "a-before", "m01", "m09", "z-after")
    home.blob("m10").delete()
    for page in pages:
        seen += names(page)
    assert seen == sorted(set(seen))
    assert set(seen) >= {f"m{number:02}" for number in range(0, 20, 2)} - {"m10"}
    assert "a-before" not in seen


def test_metadata_is_patched_and_replaced(home: storage.Bucket) -> None:
    blob = home.blob("o")
    blob.metadata = {"a": "1", "b": "2"}
    blob.upload_from_string("x", content_type="text/plain")
    blob.metadata = {"a": None, "c": "3"}
    blob.content_language = "fr"
    blob.custom_time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    blob.patch()
    again = home.get_blob("o")
    assert again is not None
    assert again.metadata == {"b": "2", "c": "3"}
    assert again.content_language == "fr"
    assert again.custom_time == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert again.metageneration == 2
    assert again.generation == blob.generation
    again.metadata = {"only": "this"}
    again.update()
    assert home.get_blob("o").metadata == {"only": "this"}


# Holds and retention.


def test_a_held_object_is_neither_deleted_nor_replaced(home: storage.Bucket) -> None:
    for hold in ("temporary_hold", "event_based_hold"):
        blob = home.blob(hold)
        blob.upload_from_string("kept")
        setattr(blob, hold, True)
        blob.patch()
        with pytest.raises(exceptions.Forbidden):
            home.blob(hold).delete()
        with pytest.raises(exceptions.Forbidden):
            home.blob(hold).upload_from_string("replaced")
        assert home.blob(hold).download_as_bytes() == b"kept"
        setattr(blob, hold, False)
        blob.patch()
        home.blob(hold).delete()


def test_retention_outlasts_the_administrator(home: storage.Bucket) -> None:
    home.retention_period = 3600
    home.patch()
    blob = home.blob("kept")
    blob.upload_from_string("kept")
    expected = blob.time_created + timedelta(seconds=3600)
    assert abs(blob.retention_expiration_time - expected) < timedelta(seconds=1)
    with pytest.raises(exceptions.Forbidden):
        blob.delete()
    with pytest.raises(exceptions.Forbidden):
        home.blob("kept").upload_from_string("replaced")
    blob.metadata = {"notes": "may change"}
    blob.patch()
    home.reload()
    home.lock_retention_policy()
    home.retention_period = 60
    with pytest.raises(exceptions.Forbidden):
        home.patch()
    home.reload()
    assert home.retention_policy_locked
    home.retention_period = 7200
    home.patch()


# Access-control lists.


def test_lists_of_access_are_kept_per_object(
    client: storage.Client,
    fine_bucket: str,
    stranger: storage.Client,
    anonymous: storage.Client,
    shell: Universe,
) -> None:
    fine = client.bucket(fine_bucket)
    put(fine, "o")
    email = shell.keys["stranger"]["client_email"]
    with pytest.raises(exceptions.Forbidden):
        stranger.bucket(fine_bucket).blob("o").download_as_bytes()
    blob = fine.blob("o")
    blob.acl.reload()
    blob.acl.user(email).grant_read()
    blob.acl.save()
    assert stranger.bucket(fine_bucket).blob("o").download_as_bytes() == b"o"
    blob.acl.user(email).revoke_read()
    blob.acl.save()
    with pytest.raises(exceptions.Forbidden):
        stranger.bucket(fine_bucket).blob("o").download_as_bytes()
    blob.make_public()
    assert anonymous.bucket(fine_bucket).blob("o").download_as_bytes() == b"o"
    blob.make_private()
    with pytest.raises(REFUSED_ANONYMOUS):
        anonymous.bucket(fine_bucket).blob("o").download_as_bytes()
    fine.default_object_acl.reload()
    fine.default_object_acl.user(email).grant_read()
    fine.default_object_acl.save()
    put(fine, "later")
    assert stranger.bucket(fine_bucket).blob("later").download_as_bytes() == b"later"


def test_lists_of_access_are_refused_under_uniform_access(home: storage.Bucket) -> None:
    put(home, "o")
    with pytest.raises(exceptions.BadRequest):
        home.blob("o").acl.reload()
    with pytest.raises(exceptions.BadRequest):
        home.acl.reload()
    with pytest.raises(exceptions.BadRequest):
        home.blob("p").upload_from_string("x", predefined_acl="publicRead")
    assert not home.blob("p").exists()


# Keys, and what is not there yet.


def test_hmac_keys_live_their_life(client: storage.Client, shell: Universe) -> None:
    email = shell.keys["stranger"]["client_email"]
    key, secret = client.create_hmac_key(email)
    assert len(base64.b64decode(secret)) >= 30
    assert key.state == "ACTIVE"
    assert key.access_id in {one.access_id for one in client.list_hmac_keys()}
    with pytest.raises(exceptions.BadRequest):
        key.delete()
    key.state = "INACTIVE"
    key.update()
    key.delete()
    listed = client.list_hmac_keys(service_account_email=email, show_deleted_keys=False)
    assert key.access_id not in {one.access_id for one in listed}
    assert client.get_service_account_email().endswith(".iam.gserviceaccount.com")


def test_notifications_are_refused_by_name(home: storage.Bucket) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match=r"storage\.notifications\.list"):
        list(home.list_notifications())
    with pytest.raises(exceptions.MethodNotImplemented, match=r"storage\.notifications\.insert"):
        home.notification(topic_name="t").create()
