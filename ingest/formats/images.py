"""Text recognised in pictures, by the tesseract that kreuzberg brings. Its data comes from the system."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingest.formats.reading import Options, Pen, Reading, UnreadableError, cleaned
from tandem.vocabulary import Page

if TYPE_CHECKING:
    from PIL.Image import Image

_MOST_PIXELS = 60_000_000
"""Of a picture that is unpacked at all; a page at 600 dots an inch has 35 million."""

_ENOUGH_PIXELS = 12_000_000
"""More is scaled down: recognition takes about 25 bytes for each, and finds no more in it."""

_MOST_PAGES = 1_000


def read(content: bytes, options: Options) -> Reading:
    """The lines of a picture; of a TIFF with several pages, page by page."""
    pen = Pen()
    places = [
        (pen.paragraph(recognised(picture, options.languages)), pen.end) for picture in _pictures(content)
    ]
    reading = pen.reading()
    if len(places) > 1:
        reading.pages = [Page(number, start, end) for number, (start, end) in enumerate(places, 1)]
    return reading


def _pictures(content: bytes) -> Iterator["Image"]:
    """The pages of a TIFF, or the first picture of another file, in grey and upright."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the limit is ours, and has its own message
    with Image.open(io.BytesIO(content)) as picture:
        last = _MOST_PAGES if picture.format == "TIFF" else 1
        number = 0
        while number < last and _has(picture, number):
            if picture.width * picture.height > _MOST_PIXELS:
                raise UnreadableError("pixels")
            grey = _grey(picture)
            number += 1
            if number < last:
                yield grey
    if last == 1:
        # Now that the coloured one is gone: it may take a fourth of the memory that there is.
        yield grey


def _has(picture: "Image", number: int) -> bool:
    try:
        picture.seek(number)
    except EOFError:
        return False
    return True


def recognised(picture: "Image", languages: str) -> str:
    """The text in a picture of greys, in lines. Nothing is looked for in one that is blank."""
    import kreuzberg

    darkest, lightest = picture.getextrema()
    if darkest == lightest:
        return ""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    tesseract = kreuzberg.TesseractConfig(
        language=languages, output_format="text", enable_table_detection=False, use_cache=False
    )
    config = kreuzberg.ExtractionConfig(
        use_cache=False,
        ocr=kreuzberg.OcrConfig(backend="tesseract", language=languages, tesseract_config=tesseract),
        output_format="plain",
    )
    try:
        return cleaned(kreuzberg.extract_bytes_sync(buffer.getvalue(), "image/png", config=config).content)
    except kreuzberg.KreuzbergError as error:
        raise UnreadableError("languages" if "traineddata" in str(error) else "broken", str(error)) from error


def _grey(picture: "Image") -> "Image":
    """In shades of grey, on white where it is transparent, no larger than needed, and upright."""
    from PIL import Image, ImageOps

    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        white.alpha_composite(clear)
        grey = white.convert("L")
        grey.info = picture.info
    else:
        grey = picture.convert("L")
    pixels = grey.width * grey.height
    if pixels > _ENOUGH_PIXELS:
        size = [max(1, int(side * (_ENOUGH_PIXELS / pixels) ** 0.5)) for side in grey.size]
        grey = grey.resize(size, Image.Resampling.BOX)
    # Cameras turn a picture by a mark beside it.
    return ImageOps.exif_transpose(grey)
