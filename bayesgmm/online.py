"""Online EM: one step a mini-batch, whose rows are then forgotten.

The statistics of a row are averaged over mini-batches, the newest counting most, and
the M-step is taken from these averages. Cappé and Moulines (2009), *On-line
expectation-maximization algorithm for latent data models*, JRSS-B 71:593-613.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from bayesgmm._typing import Floats, Ints, SufficientStatistics
from bayesgmm.fitting import objective_of
from bayesgmm.incomplete import observe
from bayesgmm.initialise import Overall
from bayesgmm.observations import Summed
from bayesgmm.overall import overall_of
from bayesgmm.parameters import MixtureParameters
from bayesgmm.statistics import recentre
from bayesgmm.weight_kinds import WeightKind

# Mini-batch t counts (t + SHIFT) ** -POWER of the running statistics. Any power between
# 1/2 and 1 converges, and iterates averaged are as good as maximum likelihood.
POWER, SHIFT = 0.6, 2
# An iterate counts in the average by how many rows came before it to this power: the
# start is forgotten like 1 / rows^2, and standard errors are 15% wider in the limit.
FORGET = 1


@dataclass(frozen=True, slots=True, eq=False)
class Online:
    """Where a fit by mini-batches stands.

    Attributes
    ----------
    estimate : MixtureParameters
        What is reported: the M-step from `averaged`.
    parameters : MixtureParameters
        By which the next rows are assigned: the M-step from `running`.
    collapsed : int or None
        The component that had no spread or rows in one of these, which then stayed
        as they were.
    running, averaged : SufficientStatistics
        Of one row, centred on `centre`: the newest rows counting most, and the mean
        of these over mini-batches.
    total : SufficientStatistics
        Of all rows as one component, summed, centred likewise.
    centre : array of shape (n_features,)
    squares : float
        Sum of weights times importance, from which the effective number follows.
    n_batches, n_rows : int
    """

    estimate: MixtureParameters
    parameters: MixtureParameters
    collapsed: int | None
    running: SufficientStatistics
    averaged: SufficientStatistics
    total: SufficientStatistics
    centre: Floats
    squares: float
    n_batches: int
    n_rows: int

    @classmethod
    def begin(
        cls, at: MixtureParameters, X: Floats, weight: Floats | None, kind: WeightKind
    ) -> Self:
        """Return where a fit stands after an ordinary one of the first rows."""
        taken = observe(X, weight).expect(at, at.quadratics)[1]
        centre = overall_of(taken, at.means).mean
        sums = recentre(taken, at.means, centre)
        of_a_row = _scale(sums, 1 / sums.counts.sum())
        squares = _squares(weight, len(X), kind)
        total = _over_components(sums)
        averages = of_a_row, of_a_row, total
        return cls(at, at, None, *averages, centre, squares, 1, _count(X, weight))

    def add(
        self, settings: Any, X: Floats, weight: Floats | None, kind: WeightKind
    ) -> Self:
        """Return where the fit stands after one more mini-batch.

        Parameters
        ----------
        settings
            As of `bayesgmm.fitting`.
        X : array of shape (n_observations, n_features)
            Checked.
        weight : array of shape (n_observations,), optional
        kind : WeightKind
        """
        at = self.parameters
        taken = observe(X, weight).expect(at, at.quadratics)[1]
        sums = recentre(taken, at.means, self.centre)
        before, total = self.total, _mix(self.total, _over_components(sums), 1, 1)
        share = sums.counts.sum() / total.counts.sum()
        rate = _rate(self.n_batches, share)
        running = _toward(self.running, _scale(sums, 1 / sums.counts.sum()), rate)
        forgotten = (before.counts.sum() / total.counts.sum()) ** (FORGET + 1)
        moved = replace(
            self,
            running=running,
            averaged=_toward(self.averaged, running, 1 - forgotten),
            total=total,
            squares=self.squares + _squares(weight, len(X), kind),
            n_batches=self.n_batches + 1,
            n_rows=self.n_rows + _count(X, weight),
        )
        return moved._maximise(settings)

    @property
    def n_observations(self) -> float:
        """Sum of the weights, or Kish's effective number."""
        return float(self.total.counts.sum() ** 2 / self.squares)

    def permute(self, order: Ints, names: tuple[str, ...] | None) -> Self:
        """Return the same with component ``order[k]`` at place k, under these names."""
        running, averaged = (
            SufficientStatistics(*(part[order] for part in of_a_row))
            for of_a_row in (self.running, self.averaged)
        )
        estimate, parameters = (
            replace(each.permute(order), component_names=names)
            for each in (self.estimate, self.parameters)
        )
        return replace(
            self,
            estimate=estimate,
            parameters=parameters,
            collapsed=_find(self.collapsed, order),
            running=running,
            averaged=averaged,
        )

    def describe_collapse(self) -> str:
        """Return what happened in the last mini-batch, and what helps."""
        k = self.collapsed
        return (
            f"Component {k} has no rows or no spread left after {self.n_batches} "
            f"mini-batches ({self.n_rows} rows). The parameters stay as they were "
            "until more rows help. If none do, lower `n_components`, choose a simpler "
            "`covariance_type`, set `prior='default'`, or begin with more rows."
        )

    def _maximise(self, settings):
        parameters, collapsed = self._step(settings, self.parameters, self.running)
        estimate, worst = self._step(settings, self.estimate, self.averaged)
        collapsed = collapsed if worst is None else worst
        return replace(
            self, parameters=parameters, estimate=estimate, collapsed=collapsed
        )

    def _step(self, settings, at, of_a_row):
        """Return the M-step from averages, and what collapsed, in which case none."""
        sums = _scale(of_a_row, self.n_observations)
        rows = Summed(sums, self.n_rows)
        mean, covariance, _ = overall_of(self.total, self.centre[None])
        overall = Overall(mean, covariance, self.n_observations)
        objective = objective_of(settings, rows, overall, at.feature_names)
        moments = recentre(sums, np.tile(self.centre, (len(at.means), 1)), at.means)
        found = objective.maximiser.update(at, moments)
        collapsed = objective.find_collapsed(found, sums.counts)
        return (found if collapsed is None else at), collapsed


def _rate(n_batches, share):
    """Return what share of the running statistics the new rows take.

    That of Cappé and Moulines for a mini-batch of average size; as much as several of
    them one after the other for a larger one.
    """
    sizes = share * (n_batches + 1)
    return 1 - (1 - (n_batches + SHIFT) ** -POWER) ** sizes


def _mix(a, b, of_a, of_b):
    pairs = zip(a, b, strict=True)
    return SufficientStatistics(*(of_a * x + of_b * y for x, y in pairs))


def _toward(a, b, rate):
    return _mix(a, b, 1 - rate, rate)


def _scale(statistics, factor):
    return SufficientStatistics(*(factor * part for part in statistics))


def _over_components(statistics):
    return SufficientStatistics(*(part.sum(axis=0)[None] for part in statistics))


def _find(component, order):
    """Return the new place of a component."""
    return None if component is None else int(np.flatnonzero(order == component)[0])


def _count(X, weight):
    return len(X) if weight is None else int(np.count_nonzero(weight))


def _squares(weight, n_rows, kind):
    return float(n_rows if weight is None else kind.score_weight(weight).sum())
