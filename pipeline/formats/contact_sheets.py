"""Contact sheets: many small images with captions, as one image."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from pipeline.formats.images import Pixels, write_image

PAPER, INK, DIM = "#fafaf7", "#22252b", "#70757d"
FRAME = "#e0245e"
TILE, GAP, HEAD, LINE = 128, 12, 44, 13


def write(path: Path, title: str, images: Sequence[Pixels], captions: Sequence[str], tile: int = TILE) -> None:
    """Write a JPEG of RGB images (h, w, 3) of any size, eight per row, each above its caption.

    Without images, the sheet shows only its title.

    Args:
        path: The JPEG file.
        title: Heading of the sheet.
        images: The images, scaled to fit into squares.
        captions: A caption per image: two lines at most, truncated to the width of the square.
        tile: Side of the squares in pixels.
    """
    columns = min(max(len(images), 4), 8)
    rows = -(-len(images) // columns)
    width, height = tile + GAP, tile + GAP + 2 * LINE
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + HEAD), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, HEAD / 2), title, INK, ImageFont.load_default(16), anchor="lm")
    for number, (pixels, caption) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(number, columns)
        left, top = GAP + column * width, HEAD + row * height
        sheet.paste(_square(pixels, tile), (left, top))
        _write_caption(draw, (left + tile // 2, top + tile + 2), caption, tile)
    write_image(sheet, path)


def framed(pixels: Pixels, box: tuple[int, ...]) -> Pixels:
    """The tile (TILE, TILE, 3) of an image with a frame around a box (left, top, right, bottom)."""
    image = ImageOps.contain(Image.fromarray(pixels), (2 * TILE, 2 * TILE))
    scale = image.width / pixels.shape[1]
    left, top, right, bottom = (round(scale * edge) for edge in box)
    edges = left, top, max(right - 1, left), max(bottom - 1, top)
    ImageDraw.Draw(image).rectangle(edges, outline=FRAME, width=3)
    return np.asarray(_square(np.asarray(image), TILE))


def _square(pixels: Pixels, side: int) -> Image.Image:
    """An image in the middle of a square that it just fits into."""
    image = ImageOps.contain(Image.fromarray(pixels), (side, side))
    square = Image.new("RGB", (side, side), PAPER)
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def _write_caption(draw: ImageDraw.ImageDraw, place: tuple[int, int], caption: str, width: int) -> None:
    font = ImageFont.load_default(10)
    for number, line in enumerate(caption.split("\n")[:2]):
        draw.text((place[0], place[1] + number * LINE), _fit(line, font, width), DIM, font, anchor="ma")


def _fit(line: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> str:
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(line + "...") > width:
        line = line[:-1]
    return line + "..."
