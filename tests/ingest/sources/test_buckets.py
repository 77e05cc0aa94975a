"""Buckets: in memory, and over the wire of S3."""

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from ingest.sources import BucketSource, Item, Reach, fetch, fetch_changed, items
from tandem.errors import (
    InvalidRequestError,
    NotFoundError,
    SettingsError,
    TooLargeError,
    UnavailableError,
)
from tandem.settings import IngestSettings

SMALL = IngestSettings(max_file_mb=0.01)
FILES = {
    "docs/b.md": b"b",
    "docs/a.md": b"a",
    "docs/deep/er/c.txt": b"c",
    "docs/drafts/d.md": b"d",
    "docs/.hidden.md": b"h",
    "docs/.git/x.md": b"g",
    "docs/picture.png": b"p",
    "docs/empty.md": b"",
    "docs/large.md": b"x" * 20_000,
    "docsother/e.md": b"e",
}
TAKEN = ["docs/a.md", "docs/b.md", "docs/deep/er/c.txt", "docs/drafts/d.md", "docs/empty.md", "docs/large.md"]


@pytest.fixture
def memory() -> Iterator[str]:
    store = fsspec.filesystem("memory")
    store.store.clear()
    store.pseudo_dirs[:] = [""]
    for path, content in FILES.items():
        store.pipe_file(f"/bucket/{path}", content)
    yield "memory://bucket"
    store.store.clear()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> BucketSource:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key-of-a-test",
        "AWS_SECRET_ACCESS_KEY": "secret-of-a-test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    client = fsspec.filesystem("s3", endpoint_url=endpoint, skip_instance_cache=True)
    if not client.exists("bucket"):
        client.mkdir("bucket")
        for path, content in FILES.items():
            client.pipe_file(f"bucket/{path}", content)
        client.pipe_file("bucket/docs/marker/", b"")
    return BucketSource(url="s3://bucket/docs", endpoint=endpoint)


def listed(source: BucketSource) -> list[str]:
    return [item.uri for item in items(source, Reach(SMALL))]


def test_objects_are_listed_in_order_without_hidden_and_foreign_ones(memory: str) -> None:
    assert listed(BucketSource(url=f"{memory}/docs")) == [
        f"{memory}/{path}" for path in sorted(TAKEN, key=lambda path: path)
    ]


def test_patterns_are_compared_from_the_prefix(memory: str) -> None:
    source = BucketSource(url=f"{memory}/docs/", include=("*.md", "*.png"), exclude=("drafts/", "large.md"))
    assert [uri.rpartition("/")[2] for uri in listed(source)] == ["a.md", "b.md", "empty.md", "picture.png"]


def test_an_object_is_read_by_its_item_alone(memory: str) -> None:
    source = BucketSource(url=f"{memory}/docs", tags=("bucket",))
    reach = Reach(SMALL)
    kept = [Item(**json.loads(json.dumps(asdict(item)))) for item in items(source, reach)]
    by_name = {item.name: item for item in kept}
    upload = fetch(source, by_name["c.txt"], Reach(SMALL))
    assert (upload.content, upload.marks.tags, upload.name) == (b"c", ("bucket",), "c.txt")
    assert fetch(source, by_name["empty.md"], reach).content == b""
    with pytest.raises(TooLargeError):
        fetch(source, by_name["large.md"], reach)
    fsspec.filesystem("memory").rm("/bucket/docs/a.md")
    with pytest.raises(NotFoundError):
        fetch(source, by_name["a.md"], reach)


def test_a_size_that_lies_is_found_out(memory: str) -> None:
    source = BucketSource(url=f"{memory}/docs")
    lying = Item("memory://bucket/docs/large.md", "large.md", {"path": "/bucket/docs/large.md", "size": 5})
    with pytest.raises(TooLargeError):
        fetch(source, lying, Reach(SMALL))


def test_a_revision_changes_with_the_object(memory: str) -> None:
    source = BucketSource(url=f"{memory}/docs", include=("a.md",))
    reach = Reach(SMALL)
    (before,) = items(source, reach)
    upload = fetch_changed(source, before, reach, None)
    assert upload is not None
    assert fetch_changed(source, before, reach, upload.revision) is None
    fsspec.filesystem("memory").pipe_file("/bucket/docs/a.md", b"changed")
    (after,) = items(source, reach)
    changed = fetch_changed(source, after, reach, upload.revision)
    assert changed is not None
    assert changed.content == b"changed"
    # The list may be of days ago: what it says is not believed.
    fresh = fetch_changed(source, before, reach, upload.revision)
    assert fresh is not None
    assert fresh.content == b"changed"


def test_an_object_that_changed_since_it_was_listed_gets_no_revision(memory: str) -> None:
    source = BucketSource(url=f"{memory}/docs", include=("a.md",))
    reach = Reach(SMALL)
    (listed_before,) = items(source, reach)
    fsspec.filesystem("memory").pipe_file("/bucket/docs/a.md", b"changed")
    upload = fetch_changed(source, listed_before, reach, None)
    assert upload is not None
    assert (upload.content, upload.revision) == (b"changed", None)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc",
        "local:///etc",
        "/etc",
        "http://example.org/x",
        "https://169.254.169.254/",
        "zip://x.md::file:///a.zip",
        "simplecache::s3://bucket/x",
        "s3://bucket/x::file:///etc",
        "reference://x",
        "dir://x",
        "data:text/plain,x",
        "git://x",
        "S3://bucket",
        "nonsense://x",
    ],
)
def test_what_is_no_bucket_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequestError, match="not the URL of a bucket"):
        list(items(BucketSource(url=url), Reach(SMALL)))


def test_options_of_s3_alone_are_told_elsewhere() -> None:
    with pytest.raises(InvalidRequestError, match="of S3 alone"):
        list(items(BucketSource(url="memory://x", endpoint="http://127.0.0.1:1"), Reach(SMALL)))


def test_a_package_that_is_missing_is_told() -> None:
    with pytest.raises(SettingsError, match="not installed"):
        list(items(BucketSource(url="gcs://bucket"), Reach(SMALL)))


def test_a_bucket_of_s3_is_listed_and_read(s3: BucketSource) -> None:
    reach = Reach(SMALL)
    found = list(items(s3, reach))
    assert [item.uri for item in found] == [f"s3://bucket/{path}" for path in TAKEN]
    contents = {item.name: fetch(s3, item, reach).content for item in found if item.name != "large.md"}
    assert contents == {"a.md": b"a", "b.md": b"b", "c.txt": b"c", "d.md": b"d", "empty.md": b""}
    assert all(item.revision for item in found)
    with pytest.raises(TooLargeError):
        fetch(s3, next(item for item in found if item.name == "large.md"), reach)


def test_an_object_of_s3_that_changed_is_seen_by_its_etag(s3: BucketSource, endpoint: str) -> None:
    client = fsspec.filesystem("s3", endpoint_url=endpoint, skip_instance_cache=True)
    source = s3.model_copy(update={"url": "s3://bucket/changing"})
    client.pipe_file("bucket/changing/x.md", b"one")
    reach = Reach(SMALL)
    (before,) = items(source, reach)
    client.pipe_file("bucket/changing/x.md", b"two")
    (after,) = items(source, reach)
    assert before.revision != after.revision
    first = fetch_changed(source, after, reach, None)
    assert first is not None
    assert first.content == b"two"
    assert fetch_changed(source, after, reach, first.revision) is None
    client.pipe_file("bucket/changing/x.md", b"three")
    third = fetch_changed(source, after, reach, first.revision)
    assert third is not None
    assert third.content == b"three"


def test_several_threads_read_one_bucket(s3: BucketSource) -> None:
    reach = Reach(SMALL)
    item = next(iter(items(s3, reach)))
    read: list[bytes] = []
    threads = [threading.Thread(target=lambda: read.append(fetch(s3, item, reach).content)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert read == [b"a"] * 8


def test_faults_of_s3_are_told_as_what_they_are(s3: BucketSource) -> None:
    reach = Reach(SMALL)
    gone = Item("s3://bucket/docs/gone.md", "gone.md", {"path": "bucket/docs/gone.md", "size": 5})
    with pytest.raises(NotFoundError):
        fetch(s3, gone, reach)
    with pytest.raises(NotFoundError):
        list(items(s3.model_copy(update={"url": "s3://no-such-bucket/x"}), reach))
    with pytest.raises(SettingsError):
        list(items(s3.model_copy(update={"profile": "no-such-profile"}), reach))


def test_a_store_that_does_not_answer_may_be_tried_again(
    s3: BucketSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(UnavailableError):
        list(items(s3.model_copy(update={"endpoint": "http://127.0.0.1:9"}), Reach(SMALL)))


def test_without_credentials_it_says_where_they_come_from(
    s3: BucketSource, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(SettingsError) as caught:
        list(items(s3, Reach(SMALL)))
    assert "AWS_ACCESS_KEY_ID" in str(caught.value.hint)
