"""Every band of a TIFF with all its bits, which readers of pictures do not give.

Pillow knows pictures: it leaves out bands behind the third and cuts colours to 8 bits.
What is not compressed, or by Deflate, is therefore read here, and the rest by Pillow
where that loses nothing.
"""

import warnings
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from bayesgmm.errors import InputError

# Numbers of tags.
SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
FILL_ORDER, STRIPS, SAMPLES, STRIP_ROWS = 266, 273, 277, 278
PLANAR, PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILES = 284, 317, 322, 323, 324
EXTRA, SAMPLE_FORMAT = 338, 339
# Their values.
DECODERS = {1: bytes, 8: zlib.decompress, 32946: zlib.decompress}
KINDS = {1: "u", 2: "i", 3: "f"}
GREY_OR_RGB, ALPHA, THUMBNAIL_OR_MASK = (1, 2), (1, 2), 0b101

Tags = Mapping[int, Any]


class Tiff(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    values : array of shape (height, width, n_bands)
        Pages as large as the first are bands, too.
    clear : array of bool, shape (height, width)
        Where alpha is zero.
    tags : mapping
        Of the first page, by number.
    """

    values: np.ndarray
    clear: np.ndarray
    tags: Tags


def read_tiff(path: Path) -> Tiff:
    """Read all bands; refuse a file that cannot be read without loss.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        If bands or bits would be lost.
    """
    with path.open("rb") as file:
        pages = list(_pages(file))
        tags = pages[0]
        size = tags[HEIGHT], tags[WIDTH]
        bands = [
            _read_page(file, path, number, page)
            for number, page in enumerate(pages)
            if (page[HEIGHT], page[WIDTH]) == size
            and not page.get(SUBFILE, 0) & THUMBNAIL_OR_MASK
        ]
    values, clear = np.concatenate(bands, axis=-1), np.zeros(size, dtype=bool)
    extra = [kind in ALPHA for kind in tags.get(EXTRA, ())]
    if any(extra):
        place = bands[0].shape[-1] - len(extra) + extra.index(True)
        clear, values = values[..., place] == 0, np.delete(values, place, axis=-1)
    return Tiff(values, clear, tags)


def _pages(file: BinaryIO) -> Iterator[Tags]:
    """Yield the tags of every page."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    header = file.read(8)
    if header[:4] in (b"II+\0", b"MM\0+"):  # of files above 4 GB
        header += file.read(8)
    place = ImageFileDirectory_v2(header).next
    while place:
        tags = ImageFileDirectory_v2(header)
        file.seek(place)
        with warnings.catch_warnings(action="ignore"):
            tags.load(file)
        if not {WIDTH, HEIGHT, PHOTOMETRIC} <= set(tags):
            raise ValueError("the tags of a page are missing")
        yield tags
        place = tags.next


def _read_page(file: BinaryIO, path: Path, number: int, tags: Tags) -> np.ndarray:
    """Return the bands of a page (height, width, n_bands)."""
    bits, n_bands = set(tags.get(BITS, (1,))), tags.get(SAMPLES, 1)
    kinds = set(tags.get(SAMPLE_FORMAT, (1,)))
    plain = (
        tags.get(COMPRESSION, 1) in DECODERS
        and tags.get(PHOTOMETRIC) in GREY_OR_RGB
        and tags.get(FILL_ORDER, 1) == 1
        and tags.get(PREDICTOR, 1) <= 1 + (kinds <= {1, 2})
        and len(bits) == len(kinds) == 1
        and bits <= {8, 16, 32, 64}
        and kinds <= set(KINDS)
    )
    if plain:
        order = "<" if tags.prefix == b"II" else ">"  # pyright: ignore
        dtype = np.dtype(f"{order}{KINDS[kinds.pop()]}{bits.pop() // 8}")
        return _assemble(file, tags, dtype, n_bands)
    values = _read_picture(path, number)
    if values.shape[-1] == n_bands and (n_bands == 1 or bits == {8}):
        return values
    raise InputError(
        "SCENE",
        "be a TIFF whose bands are not compressed, or by Deflate",
        f"{path.name} with {n_bands} bands of {max(bits)} bits, compression "
        f"{tags.get(COMPRESSION, 1)}",
        "Write it so, as `gdal_translate -co COMPRESS=DEFLATE` does, or as NetCDF.",
    )


def _assemble(file: BinaryIO, tags: Tags, dtype: np.dtype, n_bands: int) -> np.ndarray:
    """Put strips or tiles together."""
    height, width = tags[HEIGHT], tags[WIDTH]
    tiled = TILES in tags
    n_rows = tags[TILE_HEIGHT] if tiled else min(tags.get(STRIP_ROWS, height), height)
    n_columns = tags[TILE_WIDTH] if tiled else width
    planes, together = (n_bands, 1) if tags.get(PLANAR, 1) == 2 else (1, n_bands)
    out = np.empty((height, width, n_bands), dtype.newbyteorder("="))
    corners = [
        (row, column, slice(plane * together, (plane + 1) * together))
        for plane in range(planes)
        for row in range(0, height, n_rows)
        for column in range(0, width, n_columns)
    ]
    first = TILES if tiled else STRIPS
    sizes = tags[TILES + 1 if tiled else STRIP_ROWS + 1]
    for (row, column, bands), place, size in zip(
        corners, tags[first], sizes, strict=True
    ):
        file.seek(place)
        data = DECODERS[tags.get(COMPRESSION, 1)](file.read(size))
        rows = n_rows if tiled else min(n_rows, height - row)
        part = np.frombuffer(data, dtype, rows * n_columns * together)
        part = part.reshape(rows, n_columns, together)
        if tags.get(PREDICTOR, 1) == 2:  # differences from left to right
            part = part.astype(out.dtype).cumsum(axis=1, dtype=out.dtype)
        part = part[: height - row, : width - column]
        out[row : row + len(part), column : column + part.shape[1], bands] = part
    return out


def _read_picture(path: Path, number: int) -> np.ndarray:
    """Return a page as Pillow reads it."""
    from PIL import Image

    with Image.open(path) as image:
        image.seek(number)
        pixels = np.asarray(image.convert("RGB") if image.mode == "P" else image)
    return pixels if pixels.ndim == 3 else pixels[..., None]
