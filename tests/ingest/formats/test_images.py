"""Text in pictures is recognised."""

import io

import pytest
from hostile.images import files
from PIL import Image, ImageDraw, ImageFont
from recognition import needs_tesseract

from ingest.formats import Options, images
from ingest.formats.reading import UnreadableError


@needs_tesseract
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP"])
def test_the_lines_of_a_picture_are_read(kind: str) -> None:
    picture = Image.new("L", (1200, 260), 255)
    font = ImageFont.load_default(48)
    ImageDraw.Draw(picture).text(
        (40, 40), "The tide turns at noon.\nHarbour of Dover 1998", fill=0, font=font
    )
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    assert images.read(buffer.getvalue(), Options()).text == "The tide turns at noon.\nHarbour of Dover 1998"


@pytest.mark.parametrize("name", ["vast.png", "beyond.png", "vast.bmp"])
def test_a_picture_that_is_too_large_is_refused_before_it_is_unpacked(name: str) -> None:
    with pytest.raises(UnreadableError, match="pixels"):
        images.read(files()[name], Options())


def drawn(text: str) -> Image.Image:
    picture = Image.new("L", (1200, 200), 255)
    ImageDraw.Draw(picture).text((40, 40), text, fill=0, font=ImageFont.load_default(48))
    return picture


@needs_tesseract
def test_a_scan_of_several_pages_keeps_its_pages() -> None:
    buffer = io.BytesIO()
    blank = Image.new("L", (1200, 200), 255)
    drawn("The first page.").save(
        buffer, "TIFF", save_all=True, append_images=[blank, drawn("The last page.")]
    )
    found = images.read(buffer.getvalue(), Options())
    assert [found.text[page.start : page.end] for page in found.pages] == [
        "The first page.",
        "",
        "The last page.",
    ]


@needs_tesseract
def test_a_turned_transparent_or_large_picture_is_read() -> None:
    turned, clear, large = io.BytesIO(), io.BytesIO(), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    drawn("Turned by the camera.").rotate(90, expand=True).save(turned, "JPEG", exif=exif)
    letters = drawn("Black on nothing.")
    Image.merge(
        "RGBA", [Image.new("L", letters.size, 0)] * 3 + [letters.point(lambda shade: 255 - shade)]
    ).save(clear, "PNG")
    drawn("Larger than needed.").resize((9_600, 1_600)).save(large, "PNG")
    texts = [images.read(one.getvalue(), Options()).text for one in (turned, clear, large)]
    assert texts == ["Turned by the camera.", "Black on nothing.", "Larger than needed."]


def test_a_language_without_data_is_told_as_that() -> None:
    buffer = io.BytesIO()
    drawn("words").save(buffer, "PNG")
    with pytest.raises(UnreadableError, match="languages"):
        images.read(buffer.getvalue(), Options(languages="xyz"))
