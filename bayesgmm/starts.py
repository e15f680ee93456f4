"""Where EM begins: the ways to make a start, found in one table."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import pairwise_distances_argmin

from bayesgmm._typing import Floats, Ints, SufficientStatistics
from bayesgmm.covariances import CovarianceFamily
from bayesgmm.errors import InputError
from bayesgmm.hierarchical import hierarchical_tree
from bayesgmm.initialise import (
    Given,
    kmeans_labels,
    kmeans_plusplus_labels,
    random_from_data_labels,
    random_labels,
    standardise,
    start_from_labels,
    weighted_covariance,
)
from bayesgmm.moves import short_run
from bayesgmm.parameters import MixtureParameters
from bayesgmm.steps import Objective

# Short runs of which the best is a start [Biernacki, Celeux and Govaert 2003].
SHORT_RUNS = 20
# Annealing: responsibilities are raised to a power that grows by a factor up to 1, with
# a few steps at each [Ueda and Nakano 1998]. From lower powers components come together
# in one point and stay. Means are shaken by this part of a standard deviation.
LOWEST_POWER, POWER_FACTOR, STEPS_A_POWER = 0.5, 1.2, 5
SHAKE = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Starts:
    """How the starts of a fit are made.

    Attributes
    ----------
    objective : Objective
        For the ways that take steps of EM.
    X : array of shape (n_observations, n_features)
        Rows without gaps.
    n_components : int
    family : CovarianceFamily
    feature_names : tuple of str
        Of the mixtures returned.
    init_params : str
        A key of `INIT_PARAMS`.
    given : Given
        Means become the centres of the partition; weights and covariances replace
        those of the start.
    responsibilities : array of shape (n_observations, n_components), optional
        The one start is the M-step that they lead to.
    sample_weight : array of shape (n_observations,), optional
    reg_covar : float
        Added to the variances of a partition.
    """

    objective: Objective
    X: Floats
    n_components: int
    family: CovarianceFamily
    feature_names: tuple[str, ...]
    init_params: str = "k-means++"
    given: Given = field(default_factory=Given)
    responsibilities: Floats | None = None
    sample_weight: Floats | None = None
    reg_covar: float = 0.0
    _standard: tuple[Floats, Floats, Floats] = field(init=False)

    def __post_init__(self):
        standard = standardise(self.X, self.sample_weight)
        object.__setattr__(self, "_standard", standard)

    @property
    def Z(self) -> Floats:
        """The rows with mean 0 and standard deviation 1 by column."""
        return self._standard[0]

    def draw(self, n_starts: int, entropy: Any) -> Iterator[MixtureParameters]:
        """Yield starts, each from its own stream: more starts repeat the first ones.

        One start is enough where nothing is left to chance.
        """
        way = self._way()
        n_starts = n_starts if way.by_chance and self.n_components > 1 else 1
        for seed in np.random.SeedSequence(entropy).spawn(n_starts):
            start = way.make(self, np.random.RandomState(np.random.MT19937(seed)))
            yield replace(
                start, feature_names=self.feature_names, **self.given.present()
            )

    def _way(self):
        if self.responsibilities is not None:
            return Way(_maximise_given, by_chance=False)
        if self.given.means is not None:
            return Way(_from(_nearest_to_given), by_chance=False)
        return INIT_PARAMS[self.init_params]


Make = Callable[[Starts, np.random.RandomState], MixtureParameters]


class Way(NamedTuple):
    """A way to make a start, and whether it makes another one the next time."""

    make: Make
    by_chance: bool = True


def _from(partition: Callable[..., Ints]) -> Make:
    """Turn ``partition(starts, rng) -> labels`` into a way to make a start."""

    def make(starts, rng):
        labels = partition(starts, rng)
        start = start_from_labels(
            starts.X, labels, starts.n_components, starts.family, starts.sample_weight
        )
        ridge = starts.reg_covar * np.eye(starts.X.shape[1])
        return replace(start, covariances=start.covariances + ridge)

    return make


def _labelled_by(label: Callable[..., Ints]) -> Make:
    return _from(
        lambda starts, rng: label(
            starts.Z, starts.n_components, rng, starts.sample_weight
        )
    )


def _nearest_to_given(starts, rng):  # noqa: ARG001
    Z, centre, scale = starts._standard
    return pairwise_distances_argmin(Z, (starts.given.means - centre) / scale)


def _cut_tree(starts, rng):  # noqa: ARG001
    tree = hierarchical_tree(starts.X, starts.sample_weight)
    return tree.labels(starts.n_components)


_spread_centres = _labelled_by(kmeans_plusplus_labels)


def _best_short_run(starts, rng):
    """Take a few steps of EM from many starts and go on from the best."""
    tried = [
        short_run(starts.objective, _spread_centres(starts, rng))
        for _ in range(SHORT_RUNS)
    ]
    best = max(tried, key=lambda step: (step.collapsed is None, step.objective))
    return best.parameters


def _anneal(starts, rng):
    """Begin where components hardly differ; sharpen them step by step."""
    point, power = _spread_centres(starts, rng), LOWEST_POWER
    while power < 1.0:
        point = _shake(point, rng)
        for _ in range(STEPS_A_POWER):
            step = starts.objective.step(temper(point, power))
            if step.collapsed is not None:
                return point
            point = step.update
        power *= POWER_FACTOR
    return point


def _shake(parameters, rng):
    """Move means a little: components that coincide would never part."""
    steps = SHAKE * rng.normal(size=parameters.means.shape)
    roots = np.linalg.cholesky(parameters.covariances)
    shifts = np.einsum("kij,kj->ki", roots, steps)
    return replace(parameters, means=parameters.means + shifts)


def temper(parameters: MixtureParameters, power: float) -> MixtureParameters:
    """Return the mixture whose responsibilities go as ``(pi_k N_k)**power``.

    N(x; m, S)^b goes as det(S)^((1 - b)/2) N(x; m, S/b).
    """
    log_dets = np.linalg.slogdet(parameters.covariances)[1]
    log_weights = power * np.log(parameters.weights) + (1 - power) / 2 * log_dets
    weights = np.exp(log_weights - log_weights.max())
    return replace(
        parameters,
        weights=weights / weights.sum(),
        covariances=parameters.covariances / power,
    )


def _maximise_given(starts, rng):  # noqa: ARG001
    """Return the M-step of the given responsibilities."""
    weight = 1.0 if starts.sample_weight is None else starts.sample_weight[:, None]
    shares = starts.responsibilities * weight
    counts = shares.sum(axis=0)
    _check_present(counts)
    parts = [weighted_covariance(starts.X, share) for share in shares.T]
    means, covariances = map(np.array, zip(*parts, strict=True))
    at = MixtureParameters(
        counts / counts.sum(),
        means,
        covariances,
        starts.family.name,
        starts.feature_names,
    )
    scatters = counts[:, None, None] * covariances
    statistics = SufficientStatistics(counts, np.zeros_like(means), scatters)
    start = starts.objective.maximiser.update(at, statistics)
    _check_spread(starts.objective.find_collapsed(start, counts))
    return start


def _check_spread(collapsed):
    if collapsed is not None:
        raise InputError(
            "responsibilities_init",
            "give every component rows enough for its covariance",
            f"rows without spread for component {collapsed}",
            "Let it have more rows, choose a simpler `covariance_type`, or set "
            "`reg_covar` above 0.",
        )


def _check_present(counts):
    if not counts.all():
        raise InputError(
            "responsibilities_init",
            "give every component some rows of positive weight",
            f"none for component {int(np.argmin(counts))}",
            "Lower `n_components`, or let fewer groups stand.",
        )


INIT_PARAMS = {
    "k-means++": Way(_spread_centres),
    "kmeans": Way(_labelled_by(kmeans_labels)),
    "random": Way(_labelled_by(random_labels)),
    "random_from_data": Way(_labelled_by(random_from_data_labels)),
    "hierarchical": Way(_from(_cut_tree), by_chance=False),
    "small_em": Way(_best_short_run),
    "annealing": Way(_anneal),
}
