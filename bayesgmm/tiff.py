"""Every band of a TIFF with all its bits, which readers of pictures do not give."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ALPHA = (1, 2)
"""Kinds of extra bands that say how opaque a pixel is."""


class Tiff(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    values : array of shape (height, width, n_bands)
        Pages as large as the first are bands, too; not thumbnails and masks.
    clear : array of bool, shape (height, width)
        Where alpha is zero.
    tags : mapping
        Of the first page, by number.
    """

    values: np.ndarray
    clear: np.ndarray
    tags: Mapping[int, Any]


def read_tiff(path: Path) -> Tiff:
    """Read all bands."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        first: Any = file.pages[0]
        pages: list[Any] = [page for page in file.pages if _belongs(page, first)]
        read = [_read_page(page) for page in pages]
        tags = {tag.code: tag.value for tag in first.tags}
    values, clear = (list(each) for each in zip(*read, strict=True))
    return Tiff(np.concatenate(values, axis=-1), np.any(clear, axis=0), tags)


def _belongs(page, first) -> bool:
    same = (page.imagelength, page.imagewidth) == (first.imagelength, first.imagewidth)
    return same and not page.is_reduced and not page.is_mask


def _read_page(page) -> tuple[np.ndarray, np.ndarray]:
    """Return the bands of a page (height, width, n_bands), and where it is clear."""
    values = page.asarray()
    if page.colormap is not None:  # whose colours have 16 bits, of which 8 are used
        colours = (page.colormap >> 8).astype(np.uint8)
        values = np.moveaxis(colours[:, values], 0, -1)
    elif values.ndim == 2:
        values = values[..., None]
    else:
        values = np.moveaxis(values, page.axes.index("S"), -1)
    alpha = [int(kind) in ALPHA for kind in page.extrasamples]
    if not any(alpha):
        return values, np.zeros(values.shape[:2], dtype=bool)
    place = page.samplesperpixel - len(alpha) + alpha.index(True)
    return np.delete(values, place, axis=-1), values[..., place] == 0
