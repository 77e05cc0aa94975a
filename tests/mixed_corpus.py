"""Two dozen files of many kinds in a folder: what one engine makes of them, another must make too."""

from pathlib import Path

from office import docx_bytes, eml_bytes, epub_bytes, heading, paragraph, xlsx_bytes, zipped
from pdfs import pdf_bytes


def write_corpus(folder: Path) -> Path:
    """Among them are duplicates, an archive, an e-mail with a file in it, and one that cannot be read."""
    folder.mkdir(parents=True)
    for name, content in _files().items():
        (folder / name).write_bytes(content)
    return folder


def _files() -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for n in range(5):
        files[f"note-{n}.md"] = (
            f"# Lock {n}\n\n## History\n\n{_prose(n, 90)}\n\n## Use\n\n{_prose(n + 50, 60)}".encode()
        )
        files[f"log-{n}.txt"] = _prose(n + 100, 25).encode()
    for n in range(3):
        files[f"report-{n}.pdf"] = pdf_bytes([_prose(n + 200, 12), _prose(n + 210, 12)], title=f"Report {n}")
        body = heading(1, f"Survey {n}") + "".join(paragraph(_prose(n + 300 + k, 4)) for k in range(6))
        files[f"survey-{n}.docx"] = docx_bytes(body, title=f"Survey {n}")
    files["page.html"] = f"<html><body><h1>Weir</h1><p>{_prose(400, 20)}</p></body></html>".encode()
    files["book.epub"] = epub_bytes({"one.xhtml": f"<h1>One</h1><p>{_prose(410, 20)}</p>"}, title="Canals")
    files["table.xlsx"] = xlsx_bytes(
        {"Levels": [["lock", "metres"], *([f"Lock {n}", n * 1.5] for n in range(40))]}
    )
    files["mail.eml"] = eml_bytes(
        _prose(420, 6),
        subject="Sluices",
        attachments=[("inner.md", "text/markdown", f"# In\n\n{_prose(430, 9)}".encode())],
    )
    files["code.py"] = "\n\n".join(
        f"def lock_{n}(level):\n    return level * {n}" for n in range(30)
    ).encode()
    files["archive.zip"] = zipped({f"member-{n}.txt": _prose(500 + n, 10) for n in range(3)})
    files["copy-of-note-0.md"] = files["note-0.md"]
    files["broken.pdf"] = b"%PDF-1.4\nnothing of a PDF follows"
    return files


def _prose(seed: int, sentences: int) -> str:
    """Sentences that no other seed gives."""
    things = ("gate", "weir", "barge", "sluice", "culvert", "towpath", "keeper", "basin")
    return " ".join(
        f"The {things[(seed + n) % 8]} of section {seed * 1000 + n} was opened by the "
        f"{things[(seed * 3 + n * 5) % 8]} in {1800 + (seed * 7 + n) % 190}."
        for n in range(sentences)
    )
