"""Replicates of a fit to lazy rows: weights drawn anew for every pass, never kept.

The weight of a row follows from the entropy, the number of the replicate and the place
of the row, so chunks and workers make no difference.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator, Philox, SeedSequence
from scipy.special import gammaincinv

from bayesgmm._typing import Floats, Quadratics, SufficientStatistics
from bayesgmm.em import EMRun
from bayesgmm.fitting import objective_of
from bayesgmm.initialise import Overall
from bayesgmm.lazy_passes import put_before
from bayesgmm.observations import Complete, Kernel
from bayesgmm.parameters import MixtureParameters
from bayesgmm.replicates import hold_as_fitted, refit
from bayesgmm.sketch import Sketch
from bayesgmm.statistics import add_moments
from bayesgmm.together import run_together
from bayesgmm.weight_kinds import WeightKind, weight_kind

A_COUNTER = 4
"""Numbers that one step of Philox's counter makes."""


def run_lazy_replicates(
    em: Any,
    rows: Sketch,
    meaning: WeightKind,
    n_replicates: int,
    entropy: list[int],
) -> list[EMRun]:
    """Refit every replicate of the weighted-likelihood bootstrap, from the fit.

    A pass over the rows serves all replicates that have not converged.

    Parameters
    ----------
    em : GaussianMixture
        Fitted.
    rows : Sketch
        With weights as `meaning` scales them.
    meaning : WeightKind
    n_replicates : int
    entropy : list of int
        Of the random numbers.
    """
    extent, fit = rows.extent, em.parameters_
    chunks = put_before(rows.chunks.starts, rows.chunks)
    overall = Overall.of_extent(extent)

    def run(number, ask):
        drawn = Replicate(number, ask, extent.n_rows, extent.n_observations)
        objective = objective_of(em, drawn, overall, rows.chunks.feature_names)
        return refit(hold_as_fitted(objective, em), drawn, fit)

    def answer(asked):
        return chunks.sum(_expect_each, _add_each, asked, entropy, meaning.name)

    return run_together(run, range(n_replicates), answer)


@dataclass(frozen=True, slots=True, eq=False)
class Replicate:
    """Lazy rows under weights that were drawn, as EM sees them.

    Attributes
    ----------
    number : int
    ask : callable
        ``ask((number, parameters))`` returns what a pass under these weights tells.
    n_rows : int
    n_observations : float
        What the weights are scaled to.
    """

    number: int
    ask: Any
    n_rows: int
    n_observations: float

    def expect(
        self,
        at: MixtureParameters,
        quadratics: Quadratics,  # noqa: ARG002
    ) -> tuple[float, SufficientStatistics]:
        total, moments = self.ask((self.number, at))
        scale = self.n_observations / moments.counts.sum()
        return scale * total, SufficientStatistics(*(scale * each for each in moments))

    def each(self, kernel: Kernel, at: MixtureParameters) -> Any:  # noqa: ARG002
        return np.empty(0)  # a collapse of which nobody asks the rows


def draw_weights(entropy: Any, number: int, first: int, counts: Floats) -> Floats:
    """Return the Gamma(count) weights of rows that follow each other.

    Parameters
    ----------
    entropy : int or list of int
    number : int
        Of the replicate.
    first : int
        Place of the first row among all.
    counts : array of shape (n_rows,)
    """
    bits = Philox(SeedSequence(entropy, spawn_key=(number,)))
    bits.advance(first // A_COUNTER)
    skipped = first % A_COUNTER
    uniform = Generator(bits).random(skipped + len(counts))[skipped:]
    weight = np.where(counts > 0, -np.log1p(-uniform), 0.0)
    other = (counts > 0) & (counts != 1)
    weight[other] = gammaincinv(counts[other], uniform[other])
    return weight


def _expect_each(rows, told, asked, entropy, meaning):
    """Return what every replicate that asked is to know of a chunk."""
    rows = np.ascontiguousarray(rows)
    weight = told[1:] if len(told) > 1 else np.ones(len(rows))
    counts, importance = weight_kind(meaning).split(weight)
    counts = counts * (weight > 0)
    found = []
    for number, at in asked:
        drawn = draw_weights(entropy, number, int(told[0]), counts) * importance
        found.append(Complete(rows, drawn).expect(at, at.quadratics))
    return found


def _add_each(parts):
    return [add_moments(same) for same in zip(*parts, strict=True)]
