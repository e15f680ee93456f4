"""Replicates of a fit: rows drawn or weighted anew, and EM run again from the fit."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator, SeedSequence

from bayesgmm._typing import Floats, Ints
from bayesgmm.em import EMRun, Status, run_em
from bayesgmm.errors import InputError
from bayesgmm.kernels.threads import run_tasks
from bayesgmm.labelled import observe_labelled
from bayesgmm.observations import Observations
from bayesgmm.parameters import MixtureParameters
from bayesgmm.steps import Objective

MAX_ITER = 1000


class Sample(NamedTuple):
    """The rows of a fit, and how to draw others.

    Attributes
    ----------
    X : array of shape (n_observations, n_features)
    allowed : array of bool, shape (n_observations, n_components), or None
        Components that a row may come from.
    counts, importance : array of shape (n_observations,)
        For how many observations a row stands, and how much each of them counts;
        together the effective number of observations.
    draw : callable
        ``draw(n, generator)`` returns n rows of the fitted mixture.
    """

    X: Floats
    allowed: Any
    counts: Floats
    importance: Floats
    draw: Callable[[int, Generator], Floats]

    def reweight(self, weight: Floats) -> Observations:
        """Return the rows with other weights; those of weight zero are not there."""
        kept = np.flatnonzero(weight)
        allowed = None if self.allowed is None else self.allowed[kept]
        return observe_labelled(self.X[kept], weight[kept], allowed)


def _nonparametric(sample: Sample, _, random: Generator):
    n = round(float(sample.counts.sum()))
    drawn = random.multinomial(n, sample.counts / sample.counts.sum())
    return sample.reweight(drawn * sample.importance)


def _parametric(sample: Sample, _, random: Generator):
    n = round(float(sample.counts @ sample.importance))
    rows, gaps = sample.draw(n, random), np.isnan(sample.X)
    if gaps.any():
        rows[
            gaps[random.choice(len(gaps), n, p=sample.counts / sample.counts.sum())]
        ] = np.nan
    return observe_labelled(rows)


def _weighted_likelihood(sample: Sample, _, random: Generator):
    """Dirichlet(1) weights of observations are Gamma(count) weights of rows."""
    drawn = random.standard_gamma(sample.counts) * sample.importance
    return sample.reweight(drawn / drawn.sum() * (sample.counts @ sample.importance))


def _without_one(sample: Sample, row: int, _):
    left = sample.counts.copy()
    left[row] -= 1
    return sample.reweight(left * sample.importance)


def _one_by_one(sample: Sample, _):
    """Number each observation by its row."""
    whole = sample.counts == sample.counts.round()
    if not whole.all():
        raise InputError(
            "sample_weight",
            "be whole numbers for `kind='jackknife'` and `weight_kind='frequency'`",
            f"{sample.counts[~whole][0]:g}",
            "Choose `kind='weighted_likelihood'`, or `weight_kind='reliability'` for "
            "weights that are no numbers of observations.",
        )
    return np.repeat(np.arange(len(sample.X)), sample.counts.astype(np.intp))


@dataclass(frozen=True, slots=True)
class BootstrapKind:
    """A way to make replicates.

    Attributes
    ----------
    resample : function
        ``(sample, number, generator) -> observations`` of one replicate.
    numbers : function
        ``(sample, n_replicates) -> numbers`` of the replicates.
    standard_error_factor, bias_factor : function
        ``n_observations -> factor``: by what the standard deviation of replicates and
        the distance of their mean from the fit are multiplied.
    """

    resample: Callable[[Sample, int, Generator], Observations]
    numbers: Callable[[Sample, int], Ints] = lambda _, n: np.arange(n)
    standard_error_factor: Callable[[float], float] = lambda _: 1.0
    bias_factor: Callable[[float], float] = lambda _: 1.0


KINDS = {
    "nonparametric": BootstrapKind(_nonparametric),
    "parametric": BootstrapKind(_parametric),
    "weighted_likelihood": BootstrapKind(_weighted_likelihood),
    # Replicates without one observation lie closer together than estimates do.
    "jackknife": BootstrapKind(
        _without_one,
        _one_by_one,
        lambda n: float(np.sqrt(n - 1)),
        lambda n: float(n - 1),
    ),
}


def hold_as_fitted(objective: Objective, em: Any) -> Objective:
    """Return what replicates maximise: the fit's own, with all held that it held."""
    maximiser = objective.maximiser.hold_as(em.parameters_)
    if getattr(em, "status_", None) is Status.REPAIRED:
        maximiser = maximiser.repaired() or maximiser
    return replace(objective, maximiser=maximiser)


def refit(
    objective: Objective, observations: Observations, start: MixtureParameters
) -> EMRun:
    """Run EM on other rows or weights, from the fit."""
    changed = replace(objective, observations=observations)
    return run_em(changed, start, max_iter=MAX_ITER)


def run_replicates(
    kind: BootstrapKind,
    sample: Sample,
    objective: Objective,
    start: MixtureParameters,
    numbers: Ints,
    entropy: Any,
) -> list[EMRun]:
    """Refit every replicate, on threads; the same bits whatever their number.

    Parameters
    ----------
    kind : BootstrapKind
    sample : Sample
    objective : Objective
        Of the fit: its prior, its yardstick.
    start : MixtureParameters
        The fit.
    numbers : array of int, shape (n_replicates,)
        Of the replicates; those of one number are the same.
    entropy : int or list of int
        Of the random numbers.
    """
    distinct, places = np.unique(numbers, return_inverse=True)
    seeds = SeedSequence(entropy).spawn(len(distinct))
    runs: list[EMRun] = []

    def run(task):
        number, seed = task
        drawn = kind.resample(sample, number, np.random.default_rng(seed))
        return refit(objective, drawn, start)

    run_tasks(run, list(zip(distinct, seeds, strict=True)), runs.append)
    return [runs[place] for place in places]
