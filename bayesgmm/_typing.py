"""The two tuples that walk through every inference, and the array types."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]


class Quadratics(NamedTuple):
    """A mixture as the kernels see it: one quadratic form a component.

    ``log_joint[n, k] = offsets[k] - 1/2 |(x_n - means[k]) @ precisions_cholesky[k]|^2``

    A NamedTuple, because that is what Numba takes and returns.

    Attributes
    ----------
    offsets : array of shape (n_components,)
        Everything that does not depend on the observation, natural log.
    means : array of shape (n_components, n_features)
    precisions_cholesky : array of shape (n_components, n_features, n_features)
        Upper triangular P with precision = P P^T.
    """

    offsets: Floats
    means: Floats
    precisions_cholesky: Floats


class SufficientStatistics(NamedTuple):
    """Responsibility-weighted moments, centred on the means of the pass.

    Centring is what keeps covariances exact for data far from the origin.

    Attributes
    ----------
    counts : array of shape (n_components,)
        ``sum_n r_nk``.
    sums : array of shape (n_components, n_features)
        ``sum_n r_nk (x_n - means[k])``.
    outer_products : array of shape (n_components, n_features, n_features)
        ``sum_n r_nk (x_n - means[k]) (x_n - means[k])^T``.
    """

    counts: Floats
    sums: Floats
    outer_products: Floats
