"""The box of noise around lazy rows."""

from typing import Any

import numpy as np

from bayesgmm.chunks import Chunks
from bayesgmm.extent import Extent
from bayesgmm.known_labels import split_labels
from bayesgmm.noise import Noise, axes_of_boxes, reach, smallest_box


def box_around(chunks: Chunks, extent: Extent, volume: Any = True) -> Noise:
    """Return the box of `bayesgmm.noise.find_box` around lazy rows, in one pass.

    Parameters
    ----------
    chunks : Chunks
    extent : Extent
        Of these.
    volume : True or float
    """
    axes = axes_of_boxes(extent.covariance)
    reaches = chunks.sum(_reach_chunk, _join_reaches, axes)
    return smallest_box(axes, reaches, volume)


def _reach_chunk(rows, weight, axes):
    weight, _ = split_labels(weight)
    counted = rows if weight is None else rows[weight > 0]
    return np.array([reach(counted.astype(np.float64), each) for each in axes])


def _join_reaches(parts):
    lowest, highest = np.moveaxis(np.array(parts), 2, 0)
    return np.stack([lowest.min(axis=0), highest.max(axis=0)], axis=1)
