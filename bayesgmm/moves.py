"""Splits and merges: from one mixture to starts of one more component, or one fewer."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.parameters import MixtureParameters
from bayesgmm.steps import Objective, Step, plain_steps

# A normal cut through its mean has halves whose means are this many sd away from it.
HALF = float(np.sqrt(2 / np.pi))
# EM steps after which a split shows what it is worth, and the axes that are tried.
SHORT = 10
MOST_AXES = 3


def split_starts(
    parameters: MixtureParameters, objective: Objective
) -> Iterator[MixtureParameters]:
    """Yield starts of one more component, the most promising first.

    Every component is cut through its mean across its widest axes, and a few steps of
    EM tell what each cut is worth. The last start has the largest component twice: it
    is the limit of cuts and has the likelihood of `parameters`, so that the larger
    mixture need not end below the smaller one.

    Parameters
    ----------
    parameters : MixtureParameters
        Such as a fit of `objective`.
    objective : Objective

    Yields
    ------
    MixtureParameters
        Of ``n_components + 1`` components, the halves at the end.
    """
    tried = (
        _short_run(objective, split(parameters, k, direction))
        for k, direction in _directions(parameters, objective.reference)
    )
    sound = [step for step in tried if step.collapsed is None]
    for step in sorted(sound, key=lambda step: -step.objective):
        yield step.update
    yield duplicate(parameters, int(np.argmax(parameters.weights)))


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


def _directions(parameters, reference):
    """Yield a component and half its width along an axis; widest axes, free of units.

    Axes are those that are principal after the data were whitened by `reference`.
    """
    root = np.linalg.cholesky(reference)
    whitened = np.linalg.solve(root, parameters.covariances)
    whitened = np.linalg.solve(root, np.swapaxes(whitened, -1, -2))
    variances, axes = np.linalg.eigh(whitened)
    for k in range(parameters.n_components):
        for j in range(parameters.n_features)[-MOST_AXES:]:
            length = HALF * np.sqrt(variances[k, j])
            yield k, length * root @ axes[k, :, j]


def _short_run(objective: Objective, start: MixtureParameters) -> Step:
    """Return the last of a few steps, or that which collapsed."""
    for step in islice(plain_steps(objective, start), SHORT):
        if step.collapsed is not None:
            break
    return step
