"""Text recognised in pictures, by the tesseract that kreuzberg brings. Its data comes from the system."""

import io

from ingest.formats.reading import Options, Pen, Reading, UnreadableError

_MOST_PIXELS = 50_000_000
"""A page at 600 dots an inch has 35 million. Tesseract needs several bytes for each."""


def read(content: bytes, options: Options) -> Reading:
    """The lines of a picture."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the limit is ours, and has its own message
    with Image.open(io.BytesIO(content)) as picture:
        if picture.width * picture.height > _MOST_PIXELS:
            raise UnreadableError("pixels")
    pen = Pen()
    pen.paragraph(recognised(content, options.languages))
    return pen.reading()


def recognised(content: bytes, languages: str) -> str:
    """The text in a picture, in lines."""
    import kreuzberg

    tesseract = kreuzberg.TesseractConfig(
        language=languages, output_format="text", enable_table_detection=False, use_cache=False
    )
    config = kreuzberg.ExtractionConfig(
        use_cache=False,
        ocr=kreuzberg.OcrConfig(backend="tesseract", language=languages, tesseract_config=tesseract),
        output_format="plain",
    )
    media_type = kreuzberg.detect_mime_type_from_bytes(content)
    result = kreuzberg.extract_bytes_sync(content, media_type, config=config)
    return str(result.content)
