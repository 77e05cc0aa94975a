"""Types are told by content; a name decides only among texts."""

import io
import tarfile

import pytest
from compound import compound_bytes, msg_bytes
from office import docx_bytes, eml_bytes, epub_bytes, odt_bytes, pptx_bytes, xlsx_bytes, zipped
from pdfs import pdf_bytes

from ingest.peeking import zip_names
from ingest.sniffing import MediaType, sniff


def tar(mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        entry = tarfile.TarInfo("word/document.xml")
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"text"))
    return buffer.getvalue()


OLD = bytes(5_000)
DOCX = docx_bytes()


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (pdf_bytes(["x"]), MediaType.PDF),
        (DOCX, MediaType.DOCX),
        (pptx_bytes([("A", [], [])]), MediaType.PPTX),
        (xlsx_bytes({"A": [["x"]]}), MediaType.XLSX),
        (epub_bytes({"c.xhtml": "x"}), MediaType.EPUB),
        (odt_bytes("x"), MediaType.ODT),
        (b"MZ? no: " + DOCX, MediaType.PLAIN),
        (zipped({"backup/word/document.xml": "x", "backup/[Content_Types].xml": "x"}), MediaType.ZIP),
        (zipped({"a.docx": DOCX}), MediaType.ZIP),
        (zipped({}), MediaType.ZIP),
        (tar("w"), MediaType.TAR),
        (tar("w:gz"), MediaType.TAR_GZ),
        (tar("w:bz2"), MediaType.TAR_BZ2),
        (tar("w:xz"), MediaType.TAR_XZ),
        (compound_bytes({"WordDocument": OLD}), MediaType.DOC),
        (compound_bytes({"Workbook": OLD}), MediaType.XLS),
        (compound_bytes({"PowerPoint Document": OLD}), MediaType.PPT),
        (msg_bytes({"0037": "x"}, {}), MediaType.MSG),
        (eml_bytes("x"), MediaType.EML),
        (b"From the start: to the end\nSubject: x\n", MediaType.PLAIN),
        (rb"{\rtf1 x}", MediaType.RTF),
        (b"\x89PNG\r\n\x1a\n", MediaType.PNG),
        (b"<!doctype html><p>x", MediaType.HTML),
        (b"words", MediaType.PLAIN),
    ],
)
@pytest.mark.parametrize("name", ["x.bin", "x.zip", "x.txt", "x.docx"])
def test_the_content_decides(content: bytes, media_type: MediaType, name: str) -> None:
    assert sniff(content, name) is media_type


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.py", MediaType.CODE),
        ("Dockerfile", MediaType.CODE),
        ("a.YAML", MediaType.CODE),
        ("a.csv", MediaType.CSV),
        ("a.tsv", MediaType.TSV),
        ("a.json", MediaType.JSON),
        ("a.jsonl", MediaType.JSONL),
        ("a.md", MediaType.MARKDOWN),
        ("a.html", MediaType.PLAIN),
        ("a.txt", MediaType.PLAIN),
        ("a", MediaType.PLAIN),
    ],
)
def test_among_texts_the_name_decides(name: str, media_type: MediaType) -> None:
    assert sniff(b"x = 1", name) is media_type


def test_archives_say_that_they_are() -> None:
    assert {one for one in MediaType if one.is_archive} == {
        MediaType.ZIP,
        MediaType.TAR,
        MediaType.TAR_GZ,
        MediaType.TAR_BZ2,
        MediaType.TAR_XZ,
    }
    assert MediaType.PNG.is_image
    assert not MediaType.PDF.is_image


def test_names_in_a_zip_are_read_up_to_a_limit_and_behind_other_bytes() -> None:
    content = zipped({f"{n}.txt": "x" for n in range(3_000)})
    assert zip_names(content) == [f"{n}.txt" for n in range(2_000)]
    assert zip_names(b"before it" + zipped({"a": "x"})) == ["a"]
    assert zip_names(content[:-30]) == []
