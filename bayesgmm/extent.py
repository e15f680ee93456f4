"""What a first pass over lazy rows tells: if they can be used, and their moments."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.chunks import Chunks
from bayesgmm.known_labels import split_labels
from bayesgmm.validation import check_table


class Extent(NamedTuple):
    """What the first pass tells about all rows.

    Attributes
    ----------
    n_rows : int
        With a weight above zero.
    n_observations : float
        Sum of the weights.
    has_gaps : bool
    seen : array of shape (n_features,)
        Sum of the weights of the observed values of each column.
    mean : array of shape (n_features,)
        Of observed values.
    covariance : array of shape (n_features, n_features)
        By maximum likelihood; with gaps its diagonal alone means anything.
    lowest, highest : arrays of shape (n_features,)
        Of the observed values of rows with a weight above zero.
    """

    n_rows: int
    n_observations: float
    has_gaps: bool
    seen: Floats
    mean: Floats
    covariance: Floats
    lowest: Floats
    highest: Floats

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """Undo `_asdict`, also where a file made arrays of numbers."""
        numbers = {"n_rows": int, "n_observations": float, "has_gaps": bool}
        return cls(**found)._replace(**{x: of(found[x]) for x, of in numbers.items()})


def survey(chunks: Chunks) -> Extent:
    """Check every chunk, and return the moments of all rows.

    Raises
    ------
    InputError
        If values are not finite; the chunk and the row are named.
    """
    return chunks.sum(_survey_chunk, _join_extents, chunks.missing)


def _survey_chunk(rows, weight, missing) -> Extent:
    rows = check_table(rows, missing).values
    weight, _ = split_labels(weight)
    weight = np.ones(len(rows)) if weight is None else weight
    observed = ~np.isnan(rows)
    seen = weight @ observed
    some = np.where(seen > 0, seen, 1.0)
    centre = weight @ np.where(observed, rows, 0.0) / some
    centred = np.where(observed, rows - centre, 0.0)
    shift = weight @ centred / some  # what rounding of the mean left
    counted = observed & (weight > 0)[:, None]
    covariance = (weight[:, None] * centred).T @ centred / some[:, None]
    return Extent(
        int((weight > 0).sum()),
        float(weight.sum()),
        not observed.all(),
        seen,
        centre + shift,
        covariance - np.outer(shift, shift),
        rows.min(axis=0, initial=np.inf, where=counted),
        rows.max(axis=0, initial=-np.inf, where=counted),
    )


def _join_extents(parts) -> Extent:
    """Put moments of parts together, each about its own mean."""
    n_rows, n, gaps, seen, means, covariances, lowest, highest = map(
        np.array, zip(*parts, strict=True)
    )
    shares = seen / np.where(seen.sum(axis=0) > 0, seen.sum(axis=0), 1.0)
    mean = (shares * means).sum(axis=0)
    shifts = means - mean
    spread = covariances + shifts[:, :, None] * shifts[:, None, :]
    return Extent(
        int(n_rows.sum()),
        float(n.sum()),
        bool(gaps.any()),
        seen.sum(axis=0),
        mean,
        (shares[:, :, None] * spread).sum(axis=0),
        lowest.min(axis=0),
        highest.max(axis=0),
    )
