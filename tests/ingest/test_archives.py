"""Archives come apart within their bounds, and nothing in them leads out."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import time
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.accept import Upload
from ingest.archives import Refusal, clean_name, is_archive, leaves, unpack
from tandem.errors import InvalidRequestError, TandemError, TooLargeError, UnreadableDocumentError
from tandem.settings import IngestSettings
from tandem.vocabulary import Marks

SETTINGS = IngestSettings()
SMALL = IngestSettings(max_archive_mb=2, max_archive_files=20, max_nesting=3)


def upload(content: bytes, name: str = "a.zip") -> Upload:
    return Upload(f"file:///{name}", name, content, marks=Marks(("tag",)))


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packed) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(
    *members: tuple[str, bytes], kind: int = tarfile.PAX_FORMAT, extra: list[tarfile.TarInfo] | None = None
) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=kind) as archive:
        for member in extra or []:
            archive.addfile(member)
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def contents(archive: Upload, settings: IngestSettings = SETTINGS) -> dict[str, bytes]:
    return {member.uri: member.content for member in unpack(archive, settings, 1)}


def names(archive: bytes, name: str = "a.zip") -> list[str]:
    return [
        member.uri.removeprefix(f"file:///{name}!/") for member in unpack(upload(archive, name), SETTINGS, 1)
    ]


def test_members_of_a_zip_get_addresses_names_and_the_marks_of_the_archive() -> None:
    (first, second) = unpack(upload(zipped(("a/b.md", b"one"), ("c.txt", b"two"))), SETTINGS, 1)
    assert (first.uri, first.name, first.content) == ("file:///a.zip!/a/b.md", "b.md", b"one")
    assert (second.uri, second.name, second.marks.tags) == ("file:///a.zip!/c.txt", "c.txt", ("tag",))


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize(
    ("suffix", "pack"),
    [
        ("tar", bytes),
        ("tar.gz", gzip.compress),
        ("tgz", gzip.compress),
        ("tar.bz2", bz2.compress),
        ("tar.xz", lzma.compress),
    ],
)
def test_every_kind_of_tar_is_read(kind: int, suffix: str, pack) -> None:
    long = "/".join(["folder" * 5] * 4) + "/" + "n" * 60 + ".md"
    members = [("plain.md", b"one"), (long, b"two" * 1_000), ("empty.md", b""), ("d/x.md", b"x" * 512)]
    archive = upload(pack(tarred(*members, kind=kind)), f"a.{suffix}")
    assert is_archive(archive)
    assert contents(archive) == {f"file:///a.{suffix}!/{name}": content for name, content in members}


def test_tar_names_beyond_ustar_are_read_in_both_ways() -> None:
    name = "ordner/" + "größe" * 60 + ".md"
    for kind in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        assert names(tarred((name, b"x"), ("after.md", b"y"), kind=kind), "a.tar") == [name, "after.md"]


def test_one_packed_file_is_an_archive_of_one() -> None:
    archive = upload(gzip.compress(b"notes"), "notes.md.gz")
    assert contents(archive) == {"file:///notes.md.gz!/notes.md": b"notes"}
    joined = upload(gzip.compress(b"one ") + gzip.compress(b"two"), "notes.md.gz")
    assert list(contents(joined).values()) == [b"one two"]


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("..\\..\\windows\\system.ini", "windows/system.ini"),
        ("C:\\Users\\x.md", "Users/x.md"),
        ("\\\\host\\share\\x.md", "host/share/x.md"),
        ("a/./b//c.md", "a/b/c.md"),
        ("a/../b.md", "a/b.md"),
        ("a\x00b.md", "ab.md"),
        ("a\nb\r.md", "ab.md"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("%2e%2e/x.md", "%2e%2e/x.md"),
        ("größe.md", "größe.md"),
        ("\udcffx.md", "x.md"),
        ("CON", "CON"),
    ],
)
def test_a_name_is_made_plain(name: str, clean: str) -> None:
    assert clean_name(name) == clean


@given(st.text(max_size=80))
def test_no_name_leads_out(name: str) -> None:
    parts = clean_name(name).split("/")
    assert not {"", ".", ".."} & set(parts)
    assert "\\" not in clean_name(name)
    assert clean_name(clean_name(name)) == clean_name(name)


def test_traversal_in_both_kinds_gives_plain_addresses_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hostile = ["../../up.md", "/abs.md", "a\\..\\..\\back.md"]
    for archive, name in (
        (zipped(*((name, b"x") for name in hostile)), "a.zip"),
        (tarred(*((name, b"x") for name in hostile)), "a.tar"),
    ):
        assert names(archive, name) == ["up.md", "abs.md", "a/back.md"]
    assert list(tmp_path.iterdir()) == []


def test_the_same_name_twice_is_two_documents() -> None:
    with pytest.warns(UserWarning):
        archive = zipped(("a.md", b"1"), ("a.md", b"2"), ("a (2).md", b"3"), ("b/../a.md", b"4"))
    assert names(archive) == ["a.md", "a (2).md", "a (2) (2).md", "b/a.md"]


def test_ten_thousand_times_the_same_name_costs_no_time() -> None:
    archive = tarred(*[("a.md", b"")] * 9_999)
    start = time.monotonic()
    assert len(set(names(archive, "a.tar"))) == 9_999
    assert time.monotonic() - start < 5


def test_what_tools_leave_behind_is_passed_over() -> None:
    junk = ["__MACOSX/._a.md", ".DS_Store", "a/.hidden.md", ".git/x.md", "node_modules/p.md", "x/Thumbs.db"]
    assert names(zipped(*((name, b"x") for name in [*junk, "ok.md"]))) == ["ok.md"]


def test_links_devices_and_folders_of_a_tar_are_skipped() -> None:
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
    extra = []
    for number, kind in enumerate((*kinds, tarfile.DIRTYPE)):
        member = tarfile.TarInfo(f"n{number}.md")
        member.type, member.linkname = kind, "/etc/passwd"
        extra.append(member)
    assert names(tarred(("ok.md", b"x"), extra=extra), "a.tar") == ["ok.md"]


def test_links_of_a_zip_are_skipped() -> None:
    link = zipfile.ZipInfo("link.md")
    link.create_system = 3
    link.external_attr = 0o120777 << 16
    assert names(zipped((link, b"/etc/passwd"), ("folder/", b""), ("ok.md", b"x"))) == ["ok.md"]


def test_an_office_document_is_no_archive() -> None:
    assert not is_archive(upload(zipped(("[Content_Types].xml", b"x"), ("word/document.xml", b"x"))))
    assert not is_archive(upload(zipped(("mimetype", b"application/epub+zip"), ("x.xhtml", b"x"))))
    assert not is_archive(upload(b"# text"))
    assert not is_archive(upload(b"\x00" * 2_000))
    assert is_archive(upload(zipped(("a.md", b"x")), "renamed.docx"))
    assert is_archive(upload(b"PK\x03\x04 broken", "a.zip"))
    assert not is_archive(upload(b"PK\x03\x04 broken", "a.docx"))


def refused(content: bytes, name: str, settings: IngestSettings = SMALL) -> TandemError:
    with pytest.raises(TandemError) as caught:
        list(unpack(upload(content, name), settings, 1))
    return caught.value


BOMB = bytes(30_000_000)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (zipped(("bomb.txt", BOMB)), "a.zip"),
        (zipped(*((f"{n}.txt", BOMB[:1_000_000]) for n in range(15))), "a.zip"),
        (gzip.compress(BOMB), "a.txt.gz"),
        (gzip.compress(gzip.compress(BOMB) + bytes(10_000_000)), "a.txt.gz"),
        (bz2.compress(BOMB), "a.txt.bz2"),
        (lzma.compress(BOMB), "a.txt.xz"),
        (gzip.compress(tarred(("bomb.txt", BOMB))), "a.tar.gz"),
        (bz2.compress(tarred(("bomb.txt", BOMB))), "a.tar.bz2"),
    ],
)
def test_a_bomb_is_refused_for_its_ratio(content: bytes, name: str) -> None:
    start = time.monotonic()
    error = refused(content, name)
    assert isinstance(error, TooLargeError)
    assert "50 times" in error.message
    assert time.monotonic() - start < 2


def test_a_large_archive_is_refused_for_its_size() -> None:
    noise = zlib.compress(bytes(range(256)) * 40_000, 0)[:3_000_000]
    error = refused(tarred(("noise.bin", noise)), "a.tar")
    assert isinstance(error, TooLargeError)
    assert "2 MiB" in error.message


def test_a_small_archive_may_be_packed_tightly() -> None:
    assert list(contents(upload(zipped(("a.txt", b"a" * 900_000))), SMALL).values()) == [b"a" * 900_000]


def test_too_many_files_are_refused() -> None:
    for content, name in (
        (zipped(*((f"{n}.md", b"x") for n in range(21))), "a.zip"),
        (tarred(*((f"{n}.md", b"x") for n in range(21))), "a.tar"),
    ):
        error = refused(content, name)
        assert isinstance(error, TooLargeError)
        assert "20 files" in error.message


def test_a_list_of_a_million_files_is_refused_before_it_is_read() -> None:
    entry = struct.pack(
        "<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 3, 20, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0
    )
    listed = (entry + b"x") * 300_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(listed), 4, 0)
    archive = upload(b"PK\x03\x04" + listed + end)
    start = time.monotonic()
    assert is_archive(archive)
    with pytest.raises(TooLargeError):
        list(unpack(archive, SETTINGS, 1))
    assert time.monotonic() - start < 1


def test_a_size_that_lies_changes_nothing() -> None:
    honest = zipped(("a.txt", BOMB))
    at = honest.rindex(b"PK\x01\x02")
    lying = bytearray(honest)
    lying[at + 24 : at + 28] = struct.pack("<L", 10)
    lying[22:26] = struct.pack("<L", 10)
    assert isinstance(refused(bytes(lying), "a.zip"), TooLargeError | UnreadableDocumentError)


def test_an_encrypted_zip_is_refused_with_what_to_do() -> None:
    archive = bytearray(zipped(("a.md", b"secret"), ("b.md", b"x")))
    at = archive.rindex(b"PK\x01\x02")
    archive[at + 8] |= 1
    error = refused(bytes(archive), "a.zip")
    assert isinstance(error, UnreadableDocumentError)
    assert "encrypted" in error.message
    assert "password" in str(error.hint)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_that_cannot_be_bounded_is_refused(method: int) -> None:
    error = refused(zipped(("a.md", b"x" * 1_000), packed=method), "a.zip")
    assert isinstance(error, UnreadableDocumentError)
    assert f"method {method}" in error.message


def test_files_that_share_their_bytes_are_refused() -> None:
    archive = zipped(("a.md", b"x" * 1_000))
    at, end = archive.rindex(b"PK\x01\x02"), archive.rindex(b"PK\x05\x06")
    entry = archive[at:end]
    shared = archive[:at] + entry * 3
    shared += struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 3, 3, len(entry) * 3, at, 0)
    error = refused(shared, "a.zip")
    assert isinstance(error, UnreadableDocumentError)
    assert "overlap" in error.message


def nested(depth: int, name: str = "a.zip") -> bytes:
    content = zipped(("deep.md", b"deep"))
    for _ in range(depth - 1):
        content = zipped((name, content))
    return content


def test_archives_in_archives_are_read_to_the_limit() -> None:
    (found,) = leaves(upload(nested(3)), SMALL)
    assert isinstance(found, Upload)
    assert found.uri == "file:///a.zip!/a.zip!/a.zip!/deep.md"
    (refusal,) = leaves(upload(nested(4)), SMALL)
    assert isinstance(refusal, Refusal)
    assert isinstance(refusal.error, InvalidRequestError)
    assert "deeper than 3" in refusal.error.message


def test_a_bad_archive_within_does_not_stop_the_others() -> None:
    inner = zipped(("a.md", b"a"))
    archive = zipped(("bad.zip", inner[:-30] + b"x" * 30), ("good.zip", inner), ("b.md", b"b"))
    found = list(leaves(upload(archive), SETTINGS))
    assert sorted(one.uri for one in found if isinstance(one, Upload)) == [
        "file:///a.zip!/b.md",
        "file:///a.zip!/good.zip!/a.md",
    ]
    assert [one.uri for one in found if isinstance(one, Refusal)] == ["file:///a.zip!/bad.zip"]


def test_nesting_does_not_multiply_what_may_be_unpacked() -> None:
    inner = zipped(("bomb.txt", bytes(900_000)))
    archive = upload(zipped(*((f"{n}.zip", inner) for n in range(19))))
    found = list(leaves(archive, SMALL))
    unpacked = sum(len(one.content) for one in found if isinstance(one, Upload))
    assert unpacked <= 2 * 1024 * 1024
    assert any(isinstance(one, Refusal) and isinstance(one.error, TooLargeError) for one in found)


@pytest.mark.parametrize("cut", [1, 20, 60, 200])
def test_a_damaged_archive_is_told(cut: int) -> None:
    text = bytes(range(256)) * 20
    for content, name in (
        (zipped(("a.md", text))[:-cut], "a.zip"),
        (gzip.compress(tarred(("a.md", text)))[:-cut], "a.tar.gz"),
        (lzma.compress(tarred(("a.md", text)))[:-cut], "a.tar.xz"),
        (bz2.compress(tarred(("a.md", text)))[:-cut], "a.tar.bz2"),
        (tarred(("a.md", text))[: 1_024 - cut], "a.tar"),
    ):
        assert isinstance(refused(content, name), UnreadableDocumentError)


def test_an_xz_that_asks_for_gigabytes_gets_none() -> None:
    # To pack with so large a dictionary takes its memory here; so the byte that names its size is set.
    packed = bytearray(lzma.compress(b"x" * 100, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 4096}]))
    size = packed.index(b"\x21\x01") + 2
    packed[size] = 40  # 4 GiB - 1
    head = packed.index(b"\x21\x01") - 2
    length = (packed[head] + 1) * 4
    packed[head + length - 4 : head + length] = struct.pack(
        "<L", zlib.crc32(packed[head : head + length - 4])
    )
    error = refused(bytes(packed), "a.xz")
    assert isinstance(error, UnreadableDocumentError)
    assert "emory" in error.message


def test_endless_headers_of_a_tar_end() -> None:
    header = tarfile.TarInfo("x" * 300).tobuf(format=tarfile.GNU_FORMAT)[:1_024]
    assert isinstance(refused(header * 1_000, "a.tar"), TooLargeError)
    long = tarfile.TarInfo("a.md")
    long.pax_headers = {"comment": "x" * 200_000}
    error = refused(long.tobuf(format=tarfile.PAX_FORMAT), "a.tar")
    assert isinstance(error, UnreadableDocumentError)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_damage_makes_more_than_a_refusal(data: st.DataObject) -> None:
    whole, name = data.draw(
        st.sampled_from(
            [
                (zipped(("a.md", b"text" * 50), ("b/c.md", b"x")), "a.zip"),
                (tarred(("a.md", b"text" * 50), ("b/" * 60 + "c.md", b"x")), "a.tar"),
                (gzip.compress(tarred(("a.md", b"text" * 50))), "a.tgz"),
                (lzma.compress(tarred(("a.md", b"text" * 50))), "a.txz"),
            ]
        )
    )
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    archive = upload(bytes(damaged), name)
    for found in leaves(archive, SMALL):
        assert isinstance(found, Upload | Refusal)
