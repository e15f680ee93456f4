"""How alike neighbours are, and how many independent values they are worth."""

from itertools import product

import numpy as np

from bayesgmm._typing import Floats

CELLS_A_TILE = 2**18
"""Larger maps are cut: pairs across the cuts are left out, which loses little where
maps are much larger than what correlates."""
NOISE_SDS = 2.0
"""A ring of lags counts if its products sum to more standard deviations than these."""


def design_effect(residuals: Floats) -> float:
    """Return how many times larger correlation makes the variance of a sum.

    It is the sum of the autocorrelations at all lags, that of lag zero being one. Rings
    of lags of equal length are added from the inside out, up to the first one that
    independent values might have as well, or to half of the map.

    Parameters
    ----------
    residuals : array of any number of dimensions
        Of mean zero; zero where missing.

    References
    ----------
    .. [1] P. Clifford, S. Richardson, D. Hemon (1989), *Assessing the significance of
       the correlation between two spatial processes*, Biometrics 45:123-134.
    .. [2] C. J. Geyer (1992), *Practical Markov chain Monte Carlo*, Statistical
       Science 7:473-483, for ending such a sum.
    """
    sizes = [min(int(CELLS_A_TILE ** (1 / residuals.ndim)), n) for n in residuals.shape]
    rings = _rings(sizes)
    products = np.bincount(rings, _lagged_products(residuals, sizes, 1))
    if products[0] <= 0.0:
        return 1.0
    # Given their sizes, signs of independent values are random; lags come in pairs.
    variances = 2 * np.bincount(rings, _lagged_products(residuals, sizes, 2))
    noise = np.sqrt(np.maximum(variances, 0.0))
    farthest = max(residuals.shape) // 2 + 1
    small = products[1:farthest] <= NOISE_SDS * noise[1:farthest]
    n_rings = int(np.argmax(small)) if small.any() else len(small)
    return max(1.0, float(products[: n_rings + 1].sum() / products[0]))


def _rings(sizes):
    """Return the length of every lag, in whole cells."""
    lags = [np.fft.ifftshift(np.arange(n) - n // 2) for n in map(_padded, sizes)]
    squares = sum(lag**2.0 for lag in np.meshgrid(*lags, indexing="ij", sparse=True))
    return np.rint(np.sqrt(squares)).astype(np.intp).ravel()


def _lagged_products(values, sizes, exponent):
    """Return sum_n (values[n] values[n + lag])^exponent for every lag, within tiles."""
    shape = [_padded(n) for n in sizes]
    power = 0.0
    corners = (range(0, n, size) for n, size in zip(values.shape, sizes, strict=True))
    for corner in product(*corners):
        ends = zip(corner, sizes, strict=True)
        tile = values[tuple(slice(start, start + size) for start, size in ends)]
        tile = tile.astype(np.float64) ** exponent
        power = power + np.abs(np.fft.rfftn(tile, shape, range(values.ndim))) ** 2
    return np.fft.irfftn(power, shape, range(values.ndim)).ravel()


def _padded(size):
    """Return a length at which lags of the two directions are kept apart."""
    return 1 << (2 * size - 1).bit_length()
