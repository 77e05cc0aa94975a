"""Which reader reads what."""

from collections.abc import Callable

from ingest.formats import docx, extracted, html, images, mail, outlook, pdf, pptx, records, tabular
from ingest.formats.reading import Options, Reading, of_markdown
from ingest.sniffing import MediaType

_READERS: dict[MediaType, Callable[[bytes, Options], Reading]] = {
    MediaType.PDF: pdf.read,
    MediaType.HTML: html.read,
    MediaType.MARKDOWN: lambda content, _: of_markdown(content.decode(), clean=False),
    MediaType.DOCX: docx.read,
    MediaType.PPTX: pptx.read,
    MediaType.EML: mail.read,
    MediaType.MSG: outlook.read,
    MediaType.CSV: tabular.read_csv,
    MediaType.TSV: tabular.read_tsv,
    MediaType.JSON: records.read_json,
    MediaType.JSONL: records.read_jsonl,
}


def read(media_type: MediaType, content: bytes, options: Options) -> Reading:
    """Read one file. Texts come as UTF-8 with `\\n`.

    Raises `UnreadableError`, and whatever its parser raises over a broken file.
    """
    reader = _READERS.get(media_type)
    if reader is not None:
        return reader(content, options)
    if media_type.is_image:
        return images.read(content, options)
    return extracted.read(media_type, content, options)
