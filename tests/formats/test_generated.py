"""Marks of image generators are found in the metadata of a photo."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pipeline.formats.generated import mark


def encoded(kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("key", "name"), [("parameters", "parameters of Stable Diffusion"), ("workflow", "a workflow of ComfyUI")]
)
def test_text_of_a_png_names_its_generator(key: str, name: str) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text(key, "a face, Steps: 20")
    assert mark(encoded("PNG", pnginfo=texts)) == name


def test_the_source_type_and_the_software_of_a_jpeg_name_it() -> None:
    source = b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    assert mark(encoded("JPEG", xmp=b"<x>" + source + b"</x>")) == "IPTC's source type for generated media"
    tags = Image.Exif()
    tags[0x0131] = "Adobe Firefly"
    assert mark(encoded("JPEG", exif=tags)) == "the name of Adobe Firefly"


def test_a_photo_has_no_mark() -> None:
    tags = Image.Exif()
    tags[0x0131], tags[0x010F] = "Adobe Photoshop", "maker"
    assert mark(encoded("JPEG", exif=tags)) is None
    assert mark(encoded("PNG")) is None
