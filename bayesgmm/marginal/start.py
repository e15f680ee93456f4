"""EM's estimate and its standard errors in the free variables of the model."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from bayesgmm._typing import Floats
from bayesgmm.dims import NOISE_WEIGHT
from bayesgmm.kernels import cholesky
from bayesgmm.kernels.reduce import log_joint
from bayesgmm.marginal.parts import PARTS, parts_of
from bayesgmm.marginal.structure import KERNELS, Structure
from bayesgmm.noise import Noise
from bayesgmm.patterns import group_rows, regress
from bayesgmm.quadratics import build_quadratics
from bayesgmm.target import Target

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


def em_start(target: Target, structure: Structure) -> Start:
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
    parameters = target.em
    assert parameters is not None
    own = ("weights",) if target.noise is None else ("relative_weights", NOISE_WEIGHT)
    values = {name: PARTS[name].read(parameters) for name in (*own, "means")}
    values |= parts_of(parameters, structure)
    locations = {name: PARTS[name].free(value) for name, value in values.items()}
    layout = _Layout(structure, values, locations, target.noise)
    errors = _standard_errors(target, layout)
    return Start(values, locations, layout.split(errors))


@dataclass(frozen=True, slots=True)
class _Layout:
    """Flat vectors of unconstrained variables and the quadratic forms they mean."""

    structure: Structure
    values: dict[str, Floats]
    locations: dict[str, Floats]
    noise: Noise | None

    def flat(self):
        return np.concatenate([value.ravel() for value in self.locations.values()])

    def split(self, flat):
        sizes = np.cumsum([value.size for value in self.locations.values()])[:-1]
        parts = np.split(flat, sizes)
        shaped = zip(self.locations.items(), parts, strict=True)
        return {name: part.reshape(value.shape) for (name, value), part in shaped}

    def mixture(self, flat) -> "_Mixture":
        parts = {
            name: PARTS[name].back(part, self.values[name])
            for name, part in self.split(flat).items()
        }
        lower = self.structure.factors(KERNELS, parts, *parts["means"].shape)
        covariances = lower @ np.swapaxes(lower, 1, 2)
        upper, _ = cholesky.precision_cholesky(lower)
        if self.noise is None:
            weights, of_noise = parts["weights"], np.empty(0)
        else:
            share = parts[NOISE_WEIGHT]
            weights = (1.0 - share) * parts["relative_weights"]
            of_noise = np.ravel(np.log(share) + self.noise.log_density)
        return _Mixture(weights, parts["means"], covariances, upper, of_noise)

    def jacobian(self, flat):
        """Derivative of the flattened mixture, by central differences."""
        step = 1e-5
        columns = []
        for i in range(len(flat)):
            high, low = flat.copy(), flat.copy()
            high[i] += step
            low[i] -= step
            columns.append(self.mixture(high).flat() - self.mixture(low).flat())
        return np.stack(columns, axis=1) / (2 * step)


class _Mixture(NamedTuple):
    """The components, and the log of weight and density of noise, none or one."""

    weights: Floats
    means: Floats
    covariances: Floats
    upper: Floats
    of_noise: Floats

    def flat(self):
        offsets, means, upper = build_quadratics(self.weights, self.means, self.upper)
        return np.concatenate([offsets, self.of_noise, means.ravel(), upper.ravel()])


def _standard_errors(target, layout):
    flat = layout.flat()
    stride = -(-target.table.n_observations // MAX_ROWS)
    rows = np.asarray(target.table.values[::stride], dtype=np.float64)
    each = target.n_observations / len(rows)
    weight = target.sample_weight
    weight = np.ones(len(rows)) if weight is None else weight[::stride]
    allowed = None if target.allowed is None else target.allowed[::stride]
    mixture, jacobian = layout.mixture(flat), layout.jacobian(flat)
    information = np.full(len(flat), PRIOR_INFORMATION)
    noisy, k = target.noise is not None, target.n_components
    groups = group_rows(rows, allowed, k, noisy=noisy)
    size = max(1, BLOCK_NUMBERS // len(jacobian))
    for group, limits in enumerate(groups.limits):
        places = groups.rows(group)
        for start in range(0, len(places), size):
            block = places[start : start + size]
            scores = _row_scores(rows[block], mixture, limits) @ jacobian
            information += each * (weight[block] @ scores**2)
    return information**-0.5


def _row_scores(rows, mixture: _Mixture, limits):
    """Derivatives of each row's log-likelihood in the flattened mixture.

    The rows are of one group. By Fisher's identity these are what the derivatives of
    complete rows are expected to be.
    """
    observed = ~np.isnan(rows[0])
    seen, rows = regress(mixture, observed), rows[:, observed]
    of_noise = np.broadcast_to(mixture.of_noise, (len(rows), len(mixture.of_noise)))
    joint = np.column_stack([log_joint(rows, seen.quadratics), of_noise])
    r = softmax(joint + limits, axis=1)
    centred = rows[:, None, :] - seen.quadratics.means
    centred = np.einsum("kij,nkj->nki", seen.completions, centred)
    left = seen.spreads @ np.swapaxes(seen.spreads, 1, 2)
    upper, own = mixture.upper, r[:, : len(mixture.weights)]
    z = np.einsum("nki,kij->nkj", centred, upper)
    in_means = own[:, :, None] * np.einsum("kij,nkj->nki", upper, z)
    products = centred[..., :, None] * z[..., None, :] + left @ upper
    in_upper = -own[:, :, None, None] * products
    parts = (r, in_means, in_upper)
    return np.concatenate([part.reshape(len(rows), -1) for part in parts], axis=1)
