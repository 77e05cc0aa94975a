"""Text in pictures is recognised."""

import io

import pytest
from hostile.images import files
from PIL import Image, ImageDraw, ImageFont

from ingest.formats import Options, images
from ingest.formats.reading import UnreadableError


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
