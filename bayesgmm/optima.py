"""Which runs of a fit ended at the same optimum."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from bayesgmm._typing import Floats, Ints
from bayesgmm.em import EMRun, Status
from bayesgmm.parameters import MixtureParameters

# Two runs share an optimum if their mean log-likelihoods, and component by component
# their weights and whitened means and covariances, agree to this.
SAME_LOG_LIKELIHOOD = 1e-6
SAME_PARAMETERS = 1e-2
# Within one optimum, mean log-likelihoods closer than this differ by how far EM went.
AS_GOOD = 1e-9
ENDED = (Status.CONVERGED, Status.SINGULAR, Status.REPAIRED, Status.DROPPED)


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """A place where one or more runs ended.

    Attributes
    ----------
    run : EMRun
        The first of them that is as good as the best, so that more runs change a
        result only if they find a better optimum.
    hits : int
        How many runs ended here.
    spurious : bool
        See `is_spurious`.
    """

    run: EMRun
    hits: int
    spurious: bool


def is_spurious(run: EMRun, n_rows: int) -> bool:
    """Tell whether a component rests on just the rows that its covariance needs.

    Any two points have a variance, any three in the plane a covariance: near such rows
    the likelihood has maxima, often its highest, that say nothing about groups.

    References
    ----------
    .. [1] G. J. McLachlan, D. Peel (2000), *Finite Mixture Models*, section 3.10.
    """
    parameters = run.parameters
    needed = parameters.family.n_rows(parameters.n_features)
    alone = parameters.n_components == 1
    return not alone and bool(parameters.weights.min() * n_rows < needed + 0.5)


def find_optima(
    runs: Iterable[EMRun], n_observations: float, n_rows: int
) -> tuple[Optimum, ...]:
    """Return the distinct optima among the runs that converged, spurious ones last.

    Runs that went on after a collapse count only if there are no others.

    Parameters
    ----------
    runs : iterable of EMRun
    n_observations : float
        Sum of the weights of the rows, by which log-likelihoods are divided.
    n_rows : int
    """
    ended = [run for run in runs if run.status in ENDED]
    untouched = [run for run in ended if run.collapse is None]
    converged = untouched or ended
    place = {id(run): number for number, run in enumerate(converged)}
    groups: list[list[EMRun]] = []
    for run in sorted(converged, key=lambda run: -run.objective):
        for group in groups:
            gap = (group[0].objective - run.objective) / n_observations
            if gap <= SAME_LOG_LIKELIHOOD and same_mixture(
                group[0].parameters, run.parameters
            ):
                group.append(run)
                break
        else:
            groups.append([run])
    slack = AS_GOOD * n_observations
    optima = [
        Optimum(_first(group, place, slack), len(group), is_spurious(group[0], n_rows))
        for group in groups
    ]
    return tuple(sorted(optima, key=lambda optimum: optimum.spurious))


def _first(group, place, slack):
    """Return the earliest run among those within `slack` of the best."""
    good = [r for r in group if r.objective >= group[0].objective - slack]
    return min(good, key=lambda run: place[id(run)])


def same_mixture(a: MixtureParameters, b: MixtureParameters) -> bool:
    """Tell whether two mixtures agree to `SAME_PARAMETERS`, in any order."""
    if a.n_components != b.n_components:
        return False
    return pair_components(a, b)[1] <= SAME_PARAMETERS


def pair_components(a: MixtureParameters, b: MixtureParameters) -> tuple[Ints, float]:
    """Pair the components of two mixtures, with the least sum of distances.

    Returns
    -------
    order : array of int, shape (n_components,)
        Component k of `a` goes with component ``order[k]`` of `b`.
    distance : float
        The largest of a pair.
    """
    distances = mixture_distances(a, b)
    rows, order = linear_sum_assignment(distances)
    return order, float(distances[rows, order].max())


def mixture_distances(a: MixtureParameters, b: MixtureParameters) -> Floats:
    """Return how far each component of `a` is from each of `b`, free of units.

    Returns
    -------
    array of shape (n_components, n_components)
        The largest difference in weight, whitened mean and whitened covariance, where
        the component of `a` whitens.
    """
    rows = zip(a.weights, a.means, a.precisions_cholesky, strict=True)
    return np.array([_distances(*row, b) for row in rows])


def _distances(weight, mean, whitener, b):
    means = (b.means - mean) @ whitener
    excess = whitener.T @ b.covariances @ whitener - np.eye(b.n_features)
    return np.maximum.reduce(
        [
            np.abs(b.weights - weight),
            np.linalg.norm(means, axis=1),
            np.linalg.norm(excess, axis=(1, 2)),
        ]
    )
