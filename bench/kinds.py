"""Small documents of eight kinds, the same for the same seed."""

import csv
import io
import json
import random
import zipfile
from email.message import EmailMessage
from pathlib import Path

KINDS = ("md", "txt", "html", "csv", "json", "eml", "docx", "zip")
_WORDS = [
    "harbour",
    "lantern",
    "copper",
    "orchard",
    "ledger",
    "mirror",
    "anchor",
    "saddle",
    "marble",
    "thunder",
    "velvet",
    "willow",
    "compass",
    "furnace",
    "granite",
    "meadow",
    "signal",
    "timber",
    "vessel",
    "weaver",
    "barley",
    "candle",
    "drummer",
    "engine",
    "falcon",
    "glacier",
    "hollow",
    "island",
]
_OFFICE = "http://schemas.openxmlformats.org"


def write_documents(folder: Path, count: int, seed: int) -> None:
    """Write `count` files, of each kind in turn."""
    rng = random.Random(seed)
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        (folder / f"{number:04}.{kind}").write_bytes(content_of(kind, number, rng))


def content_of(kind: str, number: int, rng: random.Random) -> bytes:
    """A file of this kind; its words are its own, so that it is nobody's duplicate."""
    lines = [_sentence(number, rng) for _ in range(6)]
    match kind:
        case "md":
            text = "# Report {}\n\n{}".format(number, "\n\n".join(f"## Part\n\n{line}" for line in lines))
            return text.encode()
        case "html":
            body = "".join(f"<h2>Part</h2><p>{line}</p>" for line in lines)
            page = f"<html><head><title>Report {number}</title></head><body><main>{body}</main></body></html>"
            return page.encode()
        case "csv":
            table = io.StringIO()
            csv.writer(table).writerows([["part", "text"], *enumerate(lines)])
            return table.getvalue().encode()
        case "json":
            return json.dumps({"report": number, "parts": lines}).encode()
        case "eml":
            return _mail(number, lines, _sentence(number, rng))
        case "docx":
            return _docx(lines)
        case "zip":
            return _zipped({f"{place}.txt": line.encode() for place, line in enumerate(lines[:2])})
        case _:
            return "\n\n".join(lines).encode()


def _sentence(number: int, rng: random.Random) -> str:
    return f"Report {number} notes that {' '.join(rng.choices(_WORDS, k=24))} {rng.getrandbits(40)}."


def _mail(number: int, lines: list[str], attached: str) -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = f"Report {number}", "a@example.com", "b@example.com"
    message.set_content("\n\n".join(lines))
    message.add_attachment(attached.encode(), maintype="text", subtype="plain", filename="attached.txt")
    message.set_boundary(f"part-{number}")
    return message.as_bytes()


def _docx(lines: list[str]) -> bytes:
    types = f"{_OFFICE}/package/2006/content-types"
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    relation = f"{_OFFICE}/officeDocument/2006/relationships/officeDocument"
    body = "".join(f"<w:p><w:r><w:t>{line}</w:t></w:r></w:p>" for line in lines)
    return _zipped(
        {
            "[Content_Types].xml": (
                f'<Types xmlns="{types}"><Default Extension="rels" ContentType='
                '"application/vnd.openxmlformats-package.relationships+xml"/>'
                f'<Override PartName="/word/document.xml" ContentType="{main}"/></Types>'
            ).encode(),
            "_rels/.rels": (
                f'<Relationships xmlns="{_OFFICE}/package/2006/relationships">'
                f'<Relationship Id="r1" Type="{relation}" Target="word/document.xml"/></Relationships>'
            ).encode(),
            "word/document.xml": (
                f'<w:document xmlns:w="{_OFFICE}/wordprocessingml/2006/main"><w:body>{body}</w:body></w:document>'
            ).encode(),
        }
    )


def _zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
