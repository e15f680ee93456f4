"""The command around `bayesgmm.segment`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bayesgmm.cli.common import (
    Family,
    Json,
    Prior,
    Quiet,
    Seed,
    answer,
    console,
    parse_range,
    refusals,
)


def segment(
    scene: Annotated[
        Path,
        typer.Argument(metavar="SCENE", help="Image (.png, .jpg, .tif), .nc or .zarr."),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="All maps as .nc or .zarr; labels as .png, or .tif with coordinates.",
        ),
    ],
    n_components: Annotated[
        str | None,
        typer.Option(
            "-k",
            "--n-components",
            metavar="K",
            help="Fit so many groups to the scene, by EM.",
        ),
    ] = None,
    by: Annotated[
        Path | None,
        typer.Option(
            metavar="FIT", help="Or take a fit: its folder, em.json or posterior.nc."
        ),
    ] = None,
    covariance_type: Family = "full",
    prior: Prior = None,
    feature_dim: Annotated[
        str | None, typer.Option(help="Dimension of the features, such as band.")
    ] = None,
    nodata: Annotated[
        float | None, typer.Option(help="What stands for a missing value.")
    ] = None,
    seed: Seed = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say of every pixel which group it comes from, and how sure that is.

    [bold]bayesgmm segment photo.png -k 3 -o labels.png[/bold]

    This year's scene by last year's posterior, with the same names:

    [bold]bayesgmm segment scene.nc --by posterior.nc --feature-dim band -o segments.nc[/bold]
    """  # noqa: E501
    with refusals():
        from bayesgmm.cli.rows import read_mixture
        from bayesgmm.scene_files import (
            check_segments_file,
            loses_places,
            read_scene_file,
            write_segments,
        )
        from bayesgmm.segmentation import segment as segment_scene

        check_segments_file(out)
        groups = _check_one(n_components, by)
        data = read_scene_file(scene)
        mixture = (
            _fit(data, groups, covariance_type, prior, feature_dim, nodata, seed)
            if by is None
            else read_mixture(by)
        )
        shown = console().is_terminal and not (quiet or as_json)
        segments = segment_scene(
            data, mixture, feature_dim, nodata=nodata, progress=shown
        )
        write_segments(segments, out)
        counts = _count(segments)
        lines = [f"{count:12,} pixels in {name}" for name, count in counts.items()]
        if loses_places(segments, out):
            lines.append(f"A {out.suffix} holds no coordinates; .tif, .nc, .zarr do.")
        text = "\n".join([*lines, f"Segments: {out}"])
        answer(text, {"pixels": counts, "segments": out}, quiet, as_json)


def _check_one(n_components: str | None, by: Path | None) -> int | None:
    """Return the number of groups to fit; refuse none or two ways to get a mixture."""
    from bayesgmm.errors import InputError

    if (n_components is None) == (by is None):
        raise InputError(
            "--by",
            "be given, or `-k`, and not both",
            "neither" if by is None else "both",
            "For example `-k 3`.",
        )
    groups = None if n_components is None else parse_range(n_components)
    if isinstance(groups, range):
        raise InputError(
            "-k",
            "be one number for a scene",
            repr(n_components),
            "Choose among numbers with `bayesgmm select` on a table of pixels.",
        )
    return groups


def _fit(data, groups, covariance_type, prior, feature_dim, nodata, seed) -> Any:
    """Fit to the pixels that are not missing."""
    import pandas as pd

    from bayesgmm.estimator import GaussianMixture
    from bayesgmm.scenes import read_scene
    from bayesgmm.validation import are_named

    names = _feature_names(data, feature_dim)
    scene = read_scene(data, names, feature_dim, nodata)
    rows = scene.array.transpose(..., scene.feature_dim).values
    rows = rows.reshape(-1, len(names))
    rows = rows[scene.usable(rows)]
    em = GaussianMixture(groups, covariance_type=covariance_type, prior=prior)
    em.set_params(random_state=seed)
    return em.fit(pd.DataFrame(rows, columns=names) if are_named(names) else rows)


def _feature_names(data: Any, feature_dim: str | None) -> list[str]:
    """Return the names of the features of a scene, x0, x1, ... if they have none."""
    from bayesgmm.dims import FEATURE

    if hasattr(data, "data_vars"):
        return list(map(str, data.data_vars))
    dim = feature_dim or FEATURE
    if dim in getattr(data, "dims", ()):
        n_features = data.sizes[dim]
        held = data.coords.get(dim)
        if held is not None and held.dtype.kind not in "biuf":
            return list(map(str, held.values))
    else:
        n_features = data.shape[-1] if data.ndim > 2 and feature_dim is None else 1
    return [f"x{j}" for j in range(n_features)]


def _count(segments: Any) -> dict[str, int]:
    """Return how many pixels every group has, and how many have none."""
    import numpy as np

    attrs = segments["label"].attrs
    names = attrs["flag_meanings"].split()
    values, counts = np.unique(segments["label"].values, return_counts=True)
    known = dict(zip(np.ravel(attrs["flag_values"]).tolist(), names, strict=True))
    found: dict[str, int] = {}
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        name = known.get(value, "missing").replace("_", " ")
        found[name] = found.get(name, 0) + count
    return found
