"""Splits and merges: from one mixture to starts of others."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, combinations, islice

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.parameters import MixtureParameters
from bayesgmm.steps import Objective, Step, plain_steps

# A normal cut through its mean has halves whose means are this many sd away from it.
HALF = float(np.sqrt(2 / np.pi))
# EM steps after which a split shows what it is worth, and the axes that are tried.
SHORT = 10
MOST_AXES = 3
# Merges that are followed by splits, and starts that come out of all.
MOST_MERGES, MOST_MOVES = 3, 3


def split_merge_starts(
    parameters: MixtureParameters, objective: Objective
) -> list[MixtureParameters]:
    """Return starts of as many components: two merged, one split.

    EM cannot carry a component across an empty region. Where two share a group and one
    covers two, this does [1]_. The cheapest merges [2]_ are followed by every split,
    and a few steps of EM tell which lead to most.

    Parameters
    ----------
    parameters : MixtureParameters
        Such as a fit of `objective`.
    objective : Objective

    Returns
    -------
    list of MixtureParameters
        `MOST_MOVES` at most, the most promising first.

    References
    ----------
    .. [1] N. Ueda, R. Nakano, Z. Ghahramani, G. E. Hinton (2000), *SMEM algorithm for
       mixture models*, Neural Computation 12:2109-2128.
    .. [2] A. R. Runnalls (2007), *Kullback-Leibler approach to Gaussian mixture
       reduction*, IEEE Trans. Aerospace and Electronic Systems 43:989-999.
    """
    pairs = combinations(range(parameters.n_components), 2)
    cheapest = sorted(pairs, key=lambda pair: merge_cost(parameters, *pair))
    tried = chain.from_iterable(
        cuts(merge(parameters, *pair), objective) for pair in cheapest[:MOST_MERGES]
    )
    return list(islice(_most_promising_first(objective, tried), MOST_MOVES))


def merge(parameters: MixtureParameters, i: int, j: int) -> MixtureParameters:
    """Put components i < j together, with the mean and covariance of both, at i."""
    weight, mean, covariance = _together(parameters, i, j)
    weights, means = parameters.weights.copy(), parameters.means.copy()
    covariances = parameters.covariances.copy()
    weights[i], means[i], covariances[i] = weight, mean, covariance
    scatters = weights[:, None, None] * covariances
    merged = replace(parameters, weights=weights, means=means, covariances=covariances)
    kept = np.delete(np.arange(parameters.n_components), j)
    estimated = parameters.family.estimate(scatters[kept], weights[kept])
    return replace(merged.permute(kept), covariances=estimated)


def merge_cost(parameters: MixtureParameters, i: int, j: int) -> float:
    """Bound how much mean log-likelihood a merge of two components costs [Runnalls]."""
    weights = parameters.weights[[i, j]]
    weight, _, covariance = _together(parameters, i, j)
    apart = np.linalg.slogdet(parameters.covariances[[i, j]])[1]
    return float(weight * np.linalg.slogdet(covariance)[1] - weights @ apart) / 2


def _together(parameters, i, j):
    """Return weight, mean and covariance of two components as one."""
    pair = [i, j]
    weight = parameters.weights[pair].sum()
    shares = parameters.weights[pair] / weight
    mean = shares @ parameters.means[pair]
    gap = parameters.means[j] - parameters.means[i]
    within = np.einsum("k,kij->ij", shares, parameters.covariances[pair])
    return weight, mean, within + shares.prod() * np.outer(gap, gap)


def duplicate(parameters: MixtureParameters, component: int) -> MixtureParameters:
    """Return the same density with a component twice, at half its weight."""
    order = np.append(np.arange(parameters.n_components), component)
    grown = parameters.permute(order)
    weights = grown.weights.copy()
    weights[[component, -1]] /= 2
    return replace(grown, weights=weights)


def split(
    parameters: MixtureParameters, component: int, shift: Floats
) -> MixtureParameters:
    """Cut a component in two halves that have its mean and covariance together.

    Parameters
    ----------
    parameters : MixtureParameters
    component : int
    shift : array of shape (n_features,)
        From the mean to those of the halves, on either side; shorter than one
        standard deviation.
    """
    grown = duplicate(parameters, component)
    means, covariances = grown.means.copy(), grown.covariances.copy()
    for k, side in ((component, -1), (-1, 1)):
        means[k] += side * shift
        covariances[k] -= np.outer(shift, shift)
    scatters = grown.weights[:, None, None] * covariances
    estimated = grown.family.estimate(scatters, grown.weights)
    return replace(grown, means=means, covariances=estimated)


def cuts(
    parameters: MixtureParameters, objective: Objective
) -> Iterator[MixtureParameters]:
    """Yield every component cut through its mean across its widest axes.

    Axes are those that are principal after the data were whitened by the covariance
    of all of them, so that units do not matter.
    """
    root = np.linalg.cholesky(objective.reference)
    whitened = np.linalg.solve(root, parameters.covariances)
    whitened = np.linalg.solve(root, np.swapaxes(whitened, -1, -2))
    variances, axes = np.linalg.eigh(whitened)
    for k in range(parameters.n_components):
        for j in range(parameters.n_features)[-MOST_AXES:]:
            length = HALF * np.sqrt(variances[k, j])
            yield split(parameters, k, length * root @ axes[k, :, j])


def _most_promising_first(objective, starts):
    """Yield where a few steps of EM lead, the highest first; drop what collapses."""
    tried = [short_run(objective, start) for start in starts]
    sound = [step for step in tried if step.collapsed is None]
    for step in sorted(sound, key=lambda step: -step.objective):
        yield step.update


def short_run(objective: Objective, start: MixtureParameters) -> Step:
    """Return the last of a few steps, or that which collapsed."""
    for step in islice(plain_steps(objective, start), SHORT):
        if step.collapsed is not None:
            break
    return step
