"""Scenes from images and gridded files, and segments into files, by their extension."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.atomic import check_writable_folder, replacing, replacing_folder
from bayesgmm.decision import MISSING
from bayesgmm.dims import FEATURE, NOISE
from bayesgmm.errors import InputError
from bayesgmm.geotiff import NODATA, read_tags, write_tags
from bayesgmm.plots._style import NEUTRAL, component_colour
from bayesgmm.spacing import has_places
from bayesgmm.tiff import read_tiff

MISSING_COLOUR, NOISE_COLOUR = 255, 254
"""Places in the palette of pixels without a label, and of noise."""
NETCDF = "h5netcdf"


def _read_picture(path: Path) -> np.ndarray:
    """Return a picture as an array (height, width[, bands]); clear pixels are NaN."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            _refuse_loss(image, path)
            image = ImageOps.exif_transpose(image)
            if image.mode == "P":
                image = image.convert("RGBA" if "transparency" in image.info else "RGB")
            pixels, bands = np.asarray(image), image.getbands()
    except UnidentifiedImageError as error:
        raise ValueError("no image that can be read") from error
    if bands[-1] != "A":
        return pixels
    return _without(pixels[..., :-1], pixels[..., -1] == 0)


def _refuse_loss(image: Any, path: Path) -> None:
    """Refuse colours of 16 bits, of which Pillow would leave 8."""
    told = [str(tile.args) for tile in image.tile]
    if len(image.getbands()) > 1 and any("16" in args for args in told):
        raise InputError(
            "SCENE",
            "have 8 bits a colour, or one band, if it is a picture",
            f"{path.name} with 16",
            "Write it as TIFF or NetCDF, which are read as they are.",
        )


def _without(values: np.ndarray, clear: np.ndarray) -> np.ndarray:
    """Return values (height, width[, bands]), NaN where clear."""
    if clear.any():
        values = np.where(clear[..., None], np.nan, values)
    return values[..., 0] if values.shape[-1] == 1 else values


def _read_tiff(path: Path) -> xr.DataArray:
    """Return all bands, with coordinates and `nodata` if the file tells them."""
    found = read_tiff(path)
    values = _without(found.values, found.clear)
    told = read_tags(found.tags, found.clear.shape)
    return xr.DataArray(values, dims=("y", "x", FEATURE)[: values.ndim], **told)


def _read_grid(open_, **settings: Any):
    """Return a reader of a Dataset, or of its only variable."""

    def read(path: Path) -> xr.Dataset | xr.DataArray:
        with open_(path, **settings) as held:
            dataset = held.load()
        variables = [v for v in dataset.data_vars.values() if v.ndim > 1]
        return variables[0] if len(variables) == 1 else dataset

    return read


_READERS = {
    **dict.fromkeys((".png", ".jpg", ".jpeg"), _read_picture),
    **dict.fromkeys((".tif", ".tiff"), _read_tiff),
    ".nc": _read_grid(xr.open_dataset, engine=NETCDF, mask_and_scale=True),
    ".zarr": _read_grid(xr.open_zarr),
}

_UNREADABLE = (OSError, ValueError, RuntimeError, ImportError, KeyError, SyntaxError)


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
    except InputError:
        raise
    except _UNREADABLE as error:
        raise InputError(
            "SCENE",
            f"be a readable {path.suffix} file",
            f"{path.name}: {str(error).partition(chr(10))[0]}",
            "Open it in another program, or export it again.",
        ) from None


def _write_netcdf(segments: xr.Dataset, path: Path) -> None:
    segments.to_netcdf(path, engine=NETCDF)


def _write_zarr(segments: xr.Dataset, path: Path) -> None:
    segments.to_zarr(path, zarr_format=2)  # which more programs read


def _write_picture(segments: xr.Dataset, path: Path) -> None:
    """Write labels, each component in its colour, the missing clear."""
    _picture(segments).save(path, transparency=MISSING_COLOUR)


def _write_tiff(segments: xr.Dataset, path: Path) -> None:
    """Write the same, with where it is."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    image, told = _picture(segments), ImageFileDirectory_v2()
    for number, value in write_tags(segments["label"]).items():
        told[number] = value
    told[NODATA] = str(MISSING_COLOUR)
    image.save(path, tiffinfo=told, compression="tiff_adobe_deflate")


def _picture(segments: xr.Dataset) -> Any:
    """Return labels as an image with a palette."""
    from PIL import Image

    label = segments["label"].values
    if label.ndim != 2:
        raise InputError(
            "--out",
            "end in .nc or .zarr for a scene that is no picture",
            f"labels of shape {label.shape}",
            "For example `segments.nc`.",
        )
    if label.max() >= NOISE_COLOUR:
        raise InputError(
            "--out",
            f"end in .nc or .zarr for more than {NOISE_COLOUR} components",
            f"the label {label.max()}",
            "For example `segments.nc`.",
        )
    places = np.where(label == NOISE, NOISE_COLOUR, label)
    places = np.where(label == MISSING, MISSING_COLOUR, places)
    image = Image.fromarray(places.astype(np.uint8))
    colours = [component_colour(k) for k in range(NOISE_COLOUR)]
    colours += [NEUTRAL, NEUTRAL]
    image.putpalette([int(c[i : i + 2], 16) for c in colours for i in (1, 3, 5)])
    return image


_WRITERS: dict[str, tuple[Any, Any, bool]] = {
    ".nc": (replacing, _write_netcdf, True),
    ".zarr": (replacing_folder, _write_zarr, True),
    ".png": (replacing, _write_picture, False),
    **dict.fromkeys((".tif", ".tiff"), (replacing, _write_tiff, True)),
}
"""By extension: how an old file goes, who writes the new one, and whether it holds
coordinates."""


def check_segments_file(path: Path) -> None:
    """Refuse a file that `write_segments` does not know how to write, or cannot."""
    if path.suffix.lower() not in _WRITERS:
        raise InputError(
            "--out",
            f"end in {', '.join(_WRITERS)}",
            repr(path.name),
            "Of an image only labels are written, of .nc and .zarr all there is.",
        )
    check_writable_folder(path.parent, "--out")


def write_segments(segments: xr.Dataset, path: Path) -> None:
    """Write all maps, or of an image only labels; an old file goes in one step."""
    replace, write, _ = _WRITERS[path.suffix.lower()]
    with replace(path) as beside:
        write(segments, beside)


def loses_places(segments: xr.Dataset, path: Path) -> bool:
    """Tell whether segments have coordinates that such a file cannot hold."""
    *_, holds = _WRITERS[path.suffix.lower()]
    return not holds and has_places(segments["label"])
