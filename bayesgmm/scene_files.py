"""Scenes from images and gridded files, and segments into files, by their extension."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.atomic import check_writable_folder, replacing
from bayesgmm.errors import InputError
from bayesgmm.plots._style import component_colour

MISSING_COLOUR = 255
"""Place in the palette of pixels without a label."""
NETCDF = "h5netcdf"


def _read_image(path: Path) -> np.ndarray:
    """Return an image as an array (height, width[, bands]); clear pixels are NaN."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if image.mode == "P":
                image = image.convert("RGBA" if "transparency" in image.info else "RGB")
            pixels, bands = np.asarray(image), image.getbands()
    except UnidentifiedImageError as error:
        raise ValueError("no image that can be read") from error
    if bands[-1] != "A":
        return pixels
    colours, clear = pixels[..., :-1], pixels[..., -1] == 0
    colours = colours[..., 0] if colours.shape[-1] == 1 else colours
    return colours if not clear.any() else _without(colours, clear)


def _without(colours: np.ndarray, clear: np.ndarray) -> np.ndarray:
    seen = ~clear if colours.ndim == 2 else ~clear[..., None]
    return np.where(seen, colours, np.nan)


def _read_grid(open_, **settings: Any):
    """Return a reader of a Dataset, or of its only variable."""

    def read(path: Path) -> xr.Dataset | xr.DataArray:
        with open_(path, **settings) as held:
            dataset = held.load()
        variables = [v for v in dataset.data_vars.values() if v.ndim > 1]
        return variables[0] if len(variables) == 1 else dataset

    return read


_READERS = {
    **dict.fromkeys((".png", ".tif", ".tiff"), _read_image),
    ".nc": _read_grid(xr.open_dataset, engine=NETCDF, mask_and_scale=True),
    ".zarr": _read_grid(xr.open_zarr),
}


def read_scene_file(path: Path) -> Any:
    """Read an image as an array, and a gridded file as a DataArray or Dataset.

    Raises
    ------
    InputError
        If the file is missing, of another kind, or cannot be read.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            "SCENE", f"end in {', '.join(_READERS)}", repr(path.name), "Convert it."
        )
    if not path.exists():
        raise InputError(
            "SCENE",
            "be a file that exists",
            repr(str(path)),
            f"Check the name; this folder is {Path.cwd()}.",
        )
    try:
        return reader(path)
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise InputError(
            "SCENE",
            f"be a readable {path.suffix} file",
            f"{path.name}: {str(error).partition(chr(10))[0]}",
            "Open it in another program, or export it again.",
        ) from None


def _write_netcdf(segments: xr.Dataset, path: Path) -> None:
    segments.to_netcdf(path, engine=NETCDF)


def _write_labels(segments: xr.Dataset, path: Path) -> None:
    """Write labels as an image, each component in its colour, the missing clear."""
    from PIL import Image

    label = segments["label"].values
    if label.ndim != 2:
        raise InputError(
            "--out",
            "end in .nc or .zarr for a scene that is no picture",
            f"labels of shape {label.shape}",
            "For example `segments.nc`.",
        )
    image = Image.fromarray(np.where(label < 0, MISSING_COLOUR, label).astype(np.uint8))
    colours = [component_colour(k) for k in range(MISSING_COLOUR + 1)]
    image.putpalette([int(c[i : i + 2], 16) for c in colours for i in (1, 3, 5)])
    image.save(path, transparency=MISSING_COLOUR)


_WRITERS = {".nc": _write_netcdf, ".png": _write_labels}


def check_segments_file(path: Path) -> None:
    """Refuse a file that `write_segments` does not know how to write, or cannot."""
    if path.suffix.lower() not in _WRITERS:
        raise InputError(
            "--out",
            f"end in {', '.join(_WRITERS)}",
            repr(path.name),
            "Of an image only labels are written, of .nc all there is.",
        )
    check_writable_folder(path.parent, "--out")


def write_segments(segments: xr.Dataset, path: Path) -> None:
    """Write all maps, or of an image only labels; an old file goes in one step."""
    with replacing(path) as beside:
        _WRITERS[path.suffix.lower()](segments, beside)
