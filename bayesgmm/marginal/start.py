"""EM's estimate and its standard errors in the free variables of the model."""

from dataclasses import dataclass

import numpy as np

from bayesgmm._typing import Floats, Quadratics
from bayesgmm.kernels import cholesky
from bayesgmm.kernels.reduce import responsibilities
from bayesgmm.marginal.parts import PARTS, parts_of
from bayesgmm.marginal.structure import KERNELS, Structure
from bayesgmm.parameters import MixtureParameters
from bayesgmm.quadratics import build_quadratics

# Standard errors only set the scale of the sampler: this many rows are plenty.
MAX_ROWS = 20_000
# A sliver of prior belief, one observation's worth, where the data say nothing.
PRIOR_INFORMATION = 1.0
BLOCK_NUMBERS = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Where chains begin, by name of the free variable.

    Attributes
    ----------
    values : dict of arrays
        EM's estimate of each free variable.
    locations, scales : dict of arrays
        The same, and its conditional standard errors, after the unconstraining
        transform.
    """

    values: dict[str, Floats]
    locations: dict[str, Floats]
    scales: dict[str, Floats]


def em_start(
    X, parameters: MixtureParameters, structure: Structure, sample_weight=None
) -> Start:
    """Return EM's estimate with conditional standard errors.

    Conditional (one over the root of the diagonal of the information) and not marginal
    (the diagonal of its inverse), because samplers jitter each variable by itself: d
    independent steps of u standard errors then cost about d u^2 / 2 of log-density,
    however correlated the variables are, and a chain begins where the posterior is.

    The information is the sum of squares of the rows' scores [1]_ in the unconstrained
    variables; the derivative of the (small) map from these to the quadratic forms is
    taken numerically.

    References
    ----------
    .. [1] Boldea and Magnus (2009), *Maximum likelihood estimation of the multivariate
       normal mixture model*, JASA 104:1539-1549.
    """
    values = {name: PARTS[name].read(parameters) for name in ("weights", "means")}
    values |= parts_of(parameters, structure)
    locations = {name: PARTS[name].free(value) for name, value in values.items()}
    layout = _Layout(structure, values, locations)
    errors = _standard_errors(X, layout, sample_weight)
    return Start(values, locations, layout.split(errors))


@dataclass(frozen=True, slots=True)
class _Layout:
    """Flat vectors of unconstrained variables and the quadratic forms they mean."""

    structure: Structure
    values: dict[str, Floats]
    locations: dict[str, Floats]

    def flat(self):
        return np.concatenate([value.ravel() for value in self.locations.values()])

    def split(self, flat):
        sizes = np.cumsum([value.size for value in self.locations.values()])[:-1]
        parts = np.split(flat, sizes)
        shaped = zip(self.locations.items(), parts, strict=True)
        return {name: part.reshape(value.shape) for (name, value), part in shaped}

    def quadratics(self, flat) -> Quadratics:
        parts = {
            name: PARTS[name].back(part, self.values[name])
            for name, part in self.split(flat).items()
        }
        lower = self.structure.factors(KERNELS, parts, *parts["means"].shape)
        upper, _ = cholesky.precision_cholesky(lower)
        return build_quadratics(parts["weights"], parts["means"], upper)

    def jacobian(self, flat):
        """Derivative of the flattened quadratic forms, by central differences."""
        step = 1e-5
        columns = []
        for i in range(len(flat)):
            high, low = flat.copy(), flat.copy()
            high[i] += step
            low[i] -= step
            pairs = zip(self.quadratics(high), self.quadratics(low), strict=True)
            columns.append(np.concatenate([(a - b).ravel() for a, b in pairs]))
        return np.stack(columns, axis=1) / (2 * step)


def _standard_errors(X, layout, sample_weight):
    flat = layout.flat()
    stride = -(-len(X) // MAX_ROWS)
    rows = np.asarray(X[::stride], dtype=np.float64)
    weight = np.ones(len(rows)) if sample_weight is None else sample_weight[::stride]
    quadratics, jacobian = layout.quadratics(flat), layout.jacobian(flat)
    information = np.full(len(flat), PRIOR_INFORMATION)
    for start in range(0, len(rows), size := max(1, BLOCK_NUMBERS // len(jacobian))):
        block = slice(start, start + size)
        scores = _row_scores(rows[block], quadratics) @ jacobian
        information += stride * (weight[block] @ scores**2)
    return information**-0.5


def _row_scores(rows, quadratics):
    """Derivatives of each row's log-likelihood in the flattened quadratic forms."""
    r = responsibilities(np.ascontiguousarray(rows), quadratics)
    centred = rows[:, None, :] - quadratics.means
    upper = quadratics.precisions_cholesky
    z = np.einsum("nki,kij->nkj", centred, upper)
    in_means = r[:, :, None] * np.einsum("kij,nkj->nki", upper, z)
    in_upper = -r[:, :, None, None] * centred[..., :, None] * z[..., None, :]
    parts = (r, in_means, in_upper)
    return np.concatenate([part.reshape(len(rows), -1) for part in parts], axis=1)
