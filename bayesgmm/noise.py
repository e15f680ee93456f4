"""A component of uniform density, for rows that belong to no group."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from bayesgmm._typing import Floats, Quadratics
from bayesgmm.dims import NOISE, NOISE_NAME
from bayesgmm.errors import InputError

LARGEST_LOG = 700.0  # of a float64, nearly
N_MARGIN = 2001  # places at which a margin is known


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """A box of constant density. Rows outside have that density too.

    The density of a mixture with noise is thus one on the box; a row far from all
    groups is noise wherever it is.

    Attributes
    ----------
    weight : float
    corner : array of shape (n_features,)
    edges : array of shape (n_features, n_features)
        Rows lead from the corner along the edges of the box.
    """

    weight: float
    corner: Floats
    edges: Floats

    @property
    def log_density(self) -> float:
        """Minus the logarithm of the volume of the box."""
        return -float(np.linalg.slogdet(self.edges)[1])

    def join(self, quadratics: Quadratics, weight: Any = None) -> Quadratics:
        """Return quadratics with one row more, whose precision is zero.

        Parameters
        ----------
        quadratics : Quadratics
            Perhaps with a leading axis of samples.
        weight : array of shape (n_samples,), optional
            In each of these; that of the box itself if there is no such axis.
        """
        offsets, means, precisions_cholesky = quadratics
        weight = self.weight if weight is None else weight
        with np.errstate(divide="ignore"):  # no weight, no noise
            offset = np.log(weight)[..., None] + self.log_density
        centre = self.corner + self.edges.sum(axis=0) / 2
        one_more = np.broadcast_to(centre, (*means.shape[:-2], 1, len(centre)))
        flat = np.zeros((*means.shape[:-2], 1, *self.edges.shape))
        return Quadratics(
            np.concatenate([offsets, offset], axis=-1),
            np.concatenate([means, one_more], axis=-2),
            np.concatenate([precisions_cholesky, flat], axis=-3),
        )

    def draw(self, n_rows: int, random) -> Floats:
        """Draw rows, uniformly in the box."""
        return self.corner + random.random((n_rows, len(self.corner))) @ self.edges

    def margin(self, feature: int) -> tuple[Floats, Floats, Floats]:
        """Return values of a feature in the box, their density, and how much is below.

        Edges that are not along the features add up to it: their uniform lengths are
        convolved on a grid.

        Parameters
        ----------
        feature : int
            Its place.

        Returns
        -------
        values, density, below : arrays of shape (N_MARGIN,)
            From the lowest value to the highest.
        """
        edges = self.edges[:, feature]
        lengths = np.sort(np.abs(edges))[::-1]
        lengths = lengths[lengths > 1e-9 * lengths[0]]
        lowest = self.corner[feature] + np.minimum(edges, 0.0).sum()
        x = np.linspace(0.0, lengths.sum(), N_MARGIN)
        density = (x <= lengths[0]) / lengths[0]
        below = np.minimum(x / lengths[0], 1.0)
        for length in lengths[1:]:
            density = (below - np.interp(x - length, x, below)) / length
            steps = (density[1:] + density[:-1]) / 2 * np.diff(x)
            below = np.concatenate([[0.0], steps.cumsum()])
        return lowest + x, density, below

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and numbers."""
        return {
            "weight": float(self.weight),
            "corner": self.corner.tolist(),
            "edges": self.edges.tolist(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Undo `to_dict`."""
        return cls(
            content["weight"], np.array(content["corner"]), np.array(content["edges"])
        )


def share_names(components: Any, noise: Noise | None) -> np.ndarray:
    """Return what shares of rows are of: components, and noise if there is any.

    It is called -1 beside numbers, and "noise" beside names.
    """
    components = np.asarray(components)
    if noise is None:
        return components
    numbered = components.dtype.kind in "iu"
    return np.append(components, NOISE if numbered else NOISE_NAME)


def check_noise(noise: Any) -> None:
    """Refuse what is neither None, nor True, nor a volume."""
    if noise is None or noise is True:
        return
    is_number = isinstance(noise, int | float | np.number) and noise is not False
    if is_number and np.isfinite(noise) and noise > 0:
        return
    raise InputError(
        "noise",
        "be None, True or the volume of the region of noise",
        repr(noise),
        "True takes the volume of the smallest box around the data.",
    )


def refuse_noise_and_gaps(noise: Any, has_gaps: Any) -> None:
    """Refuse noise beside missing values: a box has no margin of that density."""
    if has_gaps:
        raise InputError(
            "noise",
            "be None for rows with missing values",
            repr(noise),
            "Fit without noise, or impute these rows first.",
        )


def find_box(
    X: Floats, volume: Any = True, sample_weight: Floats | None = None
) -> Noise:
    """Return a box around the rows, of weight zero.

    Parameters
    ----------
    X : array of shape (n_observations, n_features)
        Varying in every column.
    volume : True or float
        As of `smallest_box`.
    sample_weight : array of shape (n_observations,), optional
        Above zero. A row of weight 2 is the row twice for the principal axes.
    """
    X = X.astype(np.float64)
    axes = axes_of_boxes(np.atleast_2d(np.cov(X.T, bias=True, aweights=sample_weight)))
    return smallest_box(axes, [reach(X, each) for each in axes], volume)


def axes_of_boxes(covariance: Floats) -> list[Floats]:
    """Return the axes along which boxes lie: the features, and the principal ones."""
    return [np.eye(len(covariance)), np.linalg.svd(covariance)[2]]


def reach(X: Floats, axes: Floats) -> Floats:
    """Return the lowest and highest places of rows along axes, shape (2, n_axes)."""
    turned = X @ axes.T
    lowest = turned.min(axis=0, initial=np.inf)
    return np.array([lowest, turned.max(axis=0, initial=-np.inf)])


def smallest_box(
    axes: Sequence[Floats], reaches: Sequence[Floats], volume: Any = True
) -> Noise:
    """Return the smallest of some boxes that just hold the rows.

    Parameters
    ----------
    axes : sequence of array of shape (n_features, n_features)
        Rows are orthonormal.
    reaches : sequence of array of shape (2, n_features)
        What `reach` says of each.
    volume : True or float
        True takes the smaller of two boxes: along the features, or along the principal
        axes of the rows (mclust's rule). A number stretches or shrinks that box about
        its centre to the volume.
    """
    boxes = [_box(*pair) for pair in zip(axes, reaches, strict=True)]
    box = max(boxes, key=lambda box: box.log_density)
    if volume is True:
        return box
    log_factor = (np.log(volume) + box.log_density) / len(box.corner)
    edges = box.edges * np.exp(np.clip(log_factor, -LARGEST_LOG, LARGEST_LOG))
    shift = (box.edges - edges).sum(axis=0) / 2
    return replace(box, corner=box.corner + shift, edges=edges)


def _box(axes, reached):
    lowest, highest = reached
    return Noise(0.0, lowest @ axes, (highest - lowest)[:, None] * axes)
