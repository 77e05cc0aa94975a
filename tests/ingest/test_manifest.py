"""A manifest is read as it is meant, or refused with the place of its fault."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingest.manifest import Manifest, Splitting, manifest_of, read_manifest
from ingest.sources import BucketSource, FilesSource, ReaderSource, SitemapSource, UrlsSource
from tandem.errors import InvalidRequestError, NotFoundError, TooLargeError

WHOLE = """
corpus: handbook
splitting: {strategy: parent, tokens: 180, overlap: 30, parent_tokens: 720, header: true}
sources:
  - kind: files
    paths: [docs, ../policies/travel.pdf]
    include: ["**/*.md", "**/*.pdf"]
    exclude: ["drafts/"]
    tags: [internal]
    metadata: {team: people, level: 2, public: false}
    expires_after: 365
  - kind: files
    paths: [tickets.jsonl]
    records: {text: body, title: headline, uri: id, metadata: [lang], tags: labels, expires_at: until}
  - {kind: urls, urls: ["https://example.org/a"], expires_at: 2030-01-02}
  - {kind: sitemap, url: "https://example.org/sitemap.xml", include: ["docs/**"], most: 500}
  - {kind: bucket, url: "s3://archive/reports", endpoint: "https://s3.example.org", profile: reports}
  - kind: reader
    reader: llama_index.readers.wikipedia:WikipediaReader
    load: {pages: [Tandem]}
    environment: {api_token: WIKI_TOKEN}
"""


def read(folder: Path, text: str | bytes) -> Manifest:
    file = folder / "corpus.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_manifest(file)


def test_a_whole_manifest_is_read(tmp_path: Path) -> None:
    manifest = read(tmp_path, WHOLE)
    assert manifest.corpus == "handbook"
    assert manifest.splitting == Splitting(
        strategy="parent", tokens=180, overlap=30, parent_tokens=720, header=True
    )
    files, tickets, urls, sitemap, bucket, reader = manifest.sources
    assert isinstance(files, FilesSource)
    assert files.paths == (tmp_path / "docs", tmp_path / "../policies/travel.pdf")
    assert files.metadata == {"team": "people", "level": 2, "public": False}
    assert tickets.records is not None
    assert tickets.records.metadata == ("lang",)
    assert isinstance(urls, UrlsSource)
    assert urls.expires_at == datetime(2030, 1, 2, tzinfo=UTC)
    assert isinstance(sitemap, SitemapSource)
    assert isinstance(bucket, BucketSource)
    assert isinstance(reader, ReaderSource)
    assert manifest_of(manifest.model_dump(mode="json")) == manifest


def test_marks_of_a_source_hold_from_the_fetch_on(tmp_path: Path) -> None:
    files, _, urls, *_ = read(tmp_path, WHOLE).sources
    marks = files.marks()
    assert marks.tags == ("internal",)
    assert marks.expires_at is not None
    assert abs(marks.expires_at - datetime.now(UTC) - timedelta(days=365)) < timedelta(minutes=1)
    assert urls.marks().expires_at == datetime(2030, 1, 2, tzinfo=UTC)


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    (source,) = read(tmp_path, "sources: [{kind: files, paths: [/srv/docs]}]").sources
    assert isinstance(source, FilesSource)
    assert source.paths == (Path("/srv/docs"),)


FILES = "sources: [{kind: files, paths: [docs]"


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("sorces: []", "sorces: is not a key", "Did you mean 'sources'"),
        ("sources: []", "sources: .*at least 1", None),
        ("corpus: x", "sources: Field required", None),
        (f"{FILES}}}]\ncorpus: A B", "corpus: .*cannot be the name", None),
        (f"{FILES}, inclde: [a]}}]", r"sources\[0\]\.inclde: is not a key", "Did you mean 'include'"),
        ("sources: [{kind: files}]", r"sources\[0\]\.paths: Field required", None),
        ("sources: [{kind: ftp}]", r"sources\[0\]: .*'ftp'", None),
        ("sources: [{paths: [x]}]", r"sources\[0\]: .*kind", None),
        (f"{FILES}, include: [/etc/*]}}]", r"sources\[0\]\.include\[0\]: .*leading slash", None),
        (f"{FILES}, include: [../*]}}]", r"include\[0\]: .*\.\.", None),
        (f"{FILES}, metadata: {{a: [1]}}}}]", r"sources\[0\]\.metadata\.a", None),
        (f"{FILES}, expires_at: soon}}]", r"sources\[0\]\.expires_at: ", None),
        (f"{FILES}, expires_at: 2030-01-01, expires_after: 3}}]", "cannot both be given", None),
        (f"{FILES}, records: {{txt: a}}}}]", r"sources\[0\]\.records\.txt: is not", "Did you mean 'text'"),
        (f"{FILES}, records: {{title: a}}}}]", r"sources\[0\]\.records\.text: Field required", None),
        (f"{FILES}, records: {{text: a, titel: b}}}}]", r"records\.titel: is not", "Did you mean 'title'"),
        (f"{FILES}}}]\nsplitting: {{tokens: 5}}", r"splitting\.tokens: ", None),
        (f"{FILES}}}]\nsplitting: {{strategy: magic}}", r"splitting\.strategy: ", None),
        (f"{FILES}}}]\nsplitting: {{tokns: 50}}", r"splitting\.tokns: is not a key", "Did you mean 'tokens'"),
        (f"{FILES}}}]\nsplitting: {{tokens: 20, overlap: 20}}", "overlap must be smaller", None),
        ("sources: [{kind: bucket, url: 's3://key:secret@bucket/x'}]", r"\.url: .*password", None),
        ("sources: [{kind: bucket, url: s3://b, options: {key: AKIA}}]", r"\.options: 'key'.*secret", None),
        ("sources: [{kind: bucket, url: s3://b, options: {a: {client_secret: x}}}]", "client_secret", None),
        (
            "sources: [{kind: reader, reader: 'a:B', arguments: {api_key: x}}]",
            r"\.arguments: 'api_key'",
            None,
        ),
        ("sources: [{kind: reader, reader: 'a:B', arguments: {integration_token: x}}]", "_token", None),
        ("sources: [{kind: reader, reader: 'a:B', load: {u: 'http://u:p@x/'}}]", r"\.load: .*password", None),
        ("sources: [{kind: reader, reader: 'a:B; import os'}]", r"sources\[0\]\.reader: ", None),
        ("sources: [{kind: urls, urls: ['https://u:p@example.org/']}]", r"\.urls\[0\]: .*password", None),
        ("- a\n- b", "corpus.yaml: ", None),
        ("", "corpus.yaml: ", None),
        (FILES, "corpus.yaml, line 2: ", None),
        ("a: &x [1]\nsources: *x", "line 2: an alias", None),
        ("corpus: a\nsources: []\ncorpus: b", "line 3: 'corpus' stands twice", None),
        ("a: !!python/object/apply:os.system [id]", "line 1: could not determine a constructor", None),
        ("a: " + "[" * 50 + "]" * 50, "nested deeper than 16", None),
        ("a: " + "[" * 500_000, "nested deeper than 16|line 1", None),
        ("a: 2024-99-99", "is not YAML", None),
        (b"\xff\xfe\x00", "corpus.yaml", None),
        (b"a: \x07", "corpus.yaml", None),
    ],
)
def test_a_fault_is_told_with_its_place(
    tmp_path: Path, text: str | bytes, place: str, hint: str | None
) -> None:
    with pytest.raises(InvalidRequestError, match=place) as caught:
        read(tmp_path, text)
    if hint:
        assert hint in str(caught.value.hint)


def test_a_thousand_laughs_cost_nothing(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    start = time.monotonic()
    with pytest.raises(InvalidRequestError, match="alias"):
        read(tmp_path, "\n".join(lines))
    assert time.monotonic() - start < 1


def test_a_manifest_that_is_not_there_or_too_large_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_manifest(tmp_path / "none.yaml")
    with pytest.raises(TooLargeError):
        read(tmp_path, "#" * 3_000_000)


def test_a_request_in_json_makes_the_same_manifest() -> None:
    manifest = manifest_of({"sources": [{"kind": "urls", "urls": ["https://example.org/"]}]})
    assert manifest.corpus == "docs"
    with pytest.raises(InvalidRequestError, match=r"^request: sources"):
        manifest_of({"sources": 5}, "request")
