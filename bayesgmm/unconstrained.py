"""Conjugate posteriors as densities of flat, unconstrained vectors.

Weights become log-ratios in an orthonormal basis, covariances ``T D T^T`` with the
entries of T below the diagonal and the logarithms of D, positive numbers logarithms.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.lazy_passes import score_draws
from bayesgmm.priors.covariances import as_blocks, from_blocks
from bayesgmm.quadratics import build_quadratics, invert_cholesky
from bayesgmm.target import Target


class _Chart(NamedTuple):
    """How one variable is freed, and back with the log-determinant of that."""

    free: Callable[[Floats], Floats]
    bind: Callable[[Floats, tuple[int, ...]], tuple[Floats, Floats]]


@dataclass(frozen=True)
class ConjugateDensity:
    """The density of weights, means, covariances and what else a target does not know.

    Attributes
    ----------
    target : Target
        With conjugate priors.
    """

    target: Target

    @property
    def names(self) -> list[str]:
        """Names of the variables."""
        return list(self._shapes)

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each variable, in the order of the flat vector."""
        target = self.target
        rng = np.random.default_rng(0)
        one = target.priors.draw(rng, 1, target.n_components, target.family)
        return {name: value.shape[1:] for name, value in one.items()}

    @cached_property
    def _charts(self) -> dict[str, tuple[_Chart, tuple[int, ...]]]:
        """Chart of each variable, and the shape of what it frees."""
        charts = {}
        for name, shape in self._shapes.items():
            blocks = self._block_shape(shape) if name in _MATRICES else shape
            charts[name] = (_CHARTS.get(name, _POSITIVE), blocks)
        return charts

    def _block_shape(self, shape):
        matrices = np.broadcast_to(np.eye(shape[-1]), shape)
        return self._blocks(matrices[None]).shape[1:]

    def _blocks(self, matrices):
        stacked = matrices if matrices.ndim == 4 else matrices[:, None]
        return as_blocks(stacked, self.target.family)

    def flatten(self, values: dict[str, Floats]) -> Floats:
        """Return variables (n, ...) as vectors of shape (n, n_free)."""
        parts = []
        for name, (chart, _) in self._charts.items():
            value = values[name]
            free = chart.free(self._blocks(value) if name in _MATRICES else value)
            parts.append(free.reshape(len(value), -1))
        return np.concatenate(parts, axis=1)

    def log_density(self, flat: Floats) -> Floats:
        """Return log p(data, vector), of shape (n,)."""
        values, log_jacobian = self._unflatten(flat)
        target = self.target
        return (
            self._log_likelihood(values)
            + target.priors.log_density(values, target.family)
            + log_jacobian
        )

    def _unflatten(self, flat):
        values, total, at = {}, np.zeros(len(flat)), 0
        for name, (chart, shape) in self._charts.items():
            size = _n_free(name, shape)
            value, log_jacobian = chart.bind(flat[:, at : at + size], shape)
            at, total = at + size, total + log_jacobian
            values[name] = self._assemble(name, value)
        return values, total

    def _assemble(self, name, value):
        if name not in _MATRICES:
            return value
        shape = self._shapes[name]
        copies = shape[0] if len(shape) == 3 else 1
        matrices = from_blocks(value, copies, shape[-1])
        return matrices if len(shape) == 3 else matrices[:, 0]

    def _log_likelihood(self, values) -> Floats:
        target = self.target
        quadratics = build_quadratics(
            values["weights"], values["means"], invert_cholesky(values["covariances"])
        )
        if target.sketch is not None:
            return target.sketch.chunks.sum(score_draws, sum, quadratics)
        return score_draws(target.table.values, target.sample_weight, quadratics)


def _n_free(name: str, shape: tuple[int, ...]) -> int:
    """Count free numbers of a variable, of which matrices come in blocks."""
    if name == "weights":
        return shape[0] - 1
    if name in _MATRICES:
        return prod(shape[:-1]) * (shape[-1] + 1) // 2
    return prod(shape)


def _ratio_basis(n_components: int) -> Floats:
    """Orthonormal columns that sum to zero."""
    k = n_components
    return np.linalg.qr(np.eye(k)[:, : k - 1] - 1.0 / k)[0]


def _free_weights(weights):
    logs = np.log(weights)
    return (logs - logs.mean(axis=1, keepdims=True)) @ _ratio_basis(logs.shape[1])


def _bind_weights(flat, shape):
    (k,) = shape
    logs = flat @ _ratio_basis(k).T
    logs = logs - np.logaddexp.reduce(logs, axis=1, keepdims=True)
    return np.exp(logs), logs.sum(axis=1) + 0.5 * np.log(k)


def _free_matrices(blocks):
    """Logarithms of D and what is below the diagonal of T."""
    lower = np.linalg.cholesky(blocks)
    diagonal = np.diagonal(lower, axis1=-2, axis2=-1)
    below = np.tril_indices(blocks.shape[-1], -1)
    unit = (lower / diagonal[..., None, :])[..., *below]
    return np.concatenate([2.0 * np.log(diagonal), unit], axis=-1)


def _bind_matrices(flat, shape):
    p = shape[-1]
    flat = flat.reshape(len(flat), *shape[:-2], -1)
    logs, below = flat[..., :p], np.tril_indices(p, -1)
    unit = np.broadcast_to(np.eye(p), (*flat.shape[:-1], p, p)).copy()
    unit[..., *below] = flat[..., p:]
    matrices = (unit * np.exp(logs)[..., None, :]) @ np.swapaxes(unit, -1, -2)
    log_jacobian = logs @ np.arange(p, 0, -1)
    return matrices, log_jacobian.reshape(len(flat), -1).sum(axis=1)


def _bind_positive(flat, shape):
    return np.exp(flat).reshape(len(flat), *shape), flat.sum(axis=1)


def _bind_any(flat, shape):
    return flat.reshape(len(flat), *shape), np.zeros(len(flat))


_POSITIVE = _Chart(np.log, _bind_positive)
_MATRIX = _Chart(_free_matrices, _bind_matrices)
_MATRICES = ("covariances", "covariances_scale")
_CHARTS = {
    "weights": _Chart(_free_weights, _bind_weights),
    "means": _Chart(np.asarray, _bind_any),
    **dict.fromkeys(_MATRICES, _MATRIX),
}
