"""Images made small for pages."""

from io import BytesIO

from PIL import Image

from pipeline.formats.images import Pixels


def jpeg(pixels: Pixels, side: int, quality: int) -> bytes:
    """RGB pixels (h, w, 3) as a JPEG whose sides have `side` pixels at most; a smaller image is not oversampled."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side))
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
