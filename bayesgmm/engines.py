"""EM whose passes another engine makes: sums of chunks of rows, and a step from these.

They are what every fit here is made of. Nothing is kept between calls, and all that
goes in and out can be pickled, so that chunks may be anywhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from hashlib import blake2b

import numpy as np

from bayesgmm._typing import SufficientStatistics
from bayesgmm.arguments import check_choice, check_number
from bayesgmm.conjugate import ConjugatePrior
from bayesgmm.conjugate_default import resolve_prior
from bayesgmm.errors import InputError
from bayesgmm.incomplete import observe
from bayesgmm.maximise import Maximiser
from bayesgmm.noise import refuse_noise_and_gaps
from bayesgmm.observations import Summed
from bayesgmm.overall import overall_of
from bayesgmm.parameters import MixtureParameters, as_parameters
from bayesgmm.statistics import add_moments
from bayesgmm.steps import Objective, Step
from bayesgmm.validation import (
    MISSING,
    are_named,
    check_features,
    check_sample_weight,
    check_table,
)


@dataclass(frozen=True, slots=True, eq=False)
class ChunkStatistics:
    """What a step of EM needs to know of some rows. See `add_statistics`.

    Attributes
    ----------
    log_likelihood : float
        Of the rows, times their weights, summed, natural log.
    moments : SufficientStatistics
        Weighted by responsibilities and centred on the means of the parameters at
        which they were taken. With noise it comes last.
    n_rows : int
        Those of weight zero not counted.
    taken_at : str
        Tells apart the parameters at which they were taken.
    """

    log_likelihood: float
    moments: SufficientStatistics
    n_rows: int
    taken_at: str

    @property
    def n_observations(self) -> float:
        """Sum of the weights."""
        return float(self.moments.counts.sum())


def sufficient_statistics(
    X, parameters, sample_weight=None, missing: str = "error"
) -> ChunkStatistics:
    """Return what a step of EM needs to know of a chunk of rows.

    Parameters
    ----------
    X : array-like or data frame of shape (n_observations, n_features)
        It may have no rows, as chunks of other engines do.
    parameters : MixtureParameters or GaussianMixture
        Where EM stands.
    sample_weight : array-like of shape (n_observations,), optional
        How often each row counts.
    missing : {"error", "fiml"}
        As in `GaussianMixture`.

    Returns
    -------
    ChunkStatistics
        Of size n_components x n_features^2, whatever the number of rows.

    Raises
    ------
    InputError
        If rows or weights cannot be used, or the features are not those of
        `parameters`.

    References
    ----------
    .. [1] A. P. Dempster, N. M. Laird, D. B. Rubin (1977), *Maximum likelihood from
       incomplete data via the EM algorithm*, JRSS-B 39:1-38.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> em = bg.GaussianMixture(2, random_state=0).fit(X)
    >>> parts = [bg.sufficient_statistics(X[i : i + 100], em) for i in (0, 100, 200)]
    >>> total = bg.add_statistics(parts)
    >>> total.n_rows, round(total.log_likelihood, 3)
    (272, -1130.264)
    >>> bool(bg.gradient_norm(em, total) < 1e-6)
    True
    """
    at = as_parameters(parameters, "parameters", noisy=True)
    check_choice("missing", missing, MISSING)
    if len(X) == 0 or (sample_weight is not None and not np.any(sample_weight)):
        return _of_nothing(at)
    table = check_table(X, missing)
    check_features(table, at.feature_names, are_named(at.feature_names))
    if at.noise is not None:
        refuse_noise_and_gaps(at.noise, np.isnan(table.values.min()))
    weight = check_sample_weight(sample_weight, table.n_observations)
    n_rows = table.n_observations if weight is None else np.count_nonzero(weight)
    total, moments = observe(table.values, weight).expect(at, at.quadratics)
    return ChunkStatistics(total, moments, int(n_rows), _name(at))


def add_statistics(parts: Iterable[ChunkStatistics]) -> ChunkStatistics:
    """Return the statistics of all rows from those of chunks.

    Parameters
    ----------
    parts : iterable of ChunkStatistics
        One or more, all taken at the same parameters. Each may be a sum already, so
        that an engine can add in a tree.

    Returns
    -------
    ChunkStatistics

    Raises
    ------
    InputError
        If there are none, or they were taken at different parameters.
    """
    parts = iter(parts)
    first = next(parts, None)
    if first is None:
        raise InputError("parts", "be one or more", "none", "Give those of all chunks.")
    return reduce(_add, parts, first)


def _add(a, b):
    if a.taken_at != b.taken_at:
        raise InputError(
            "parts",
            "be taken at the same parameters, on whose means they are centred",
            "parts taken at different ones",
            "Take all chunks anew at the parameters of this step.",
        )
    total, moments = add_moments(
        [(part.log_likelihood, part.moments) for part in (a, b)]
    )
    return ChunkStatistics(total, moments, a.n_rows + b.n_rows, a.taken_at)


def update(
    parameters,
    statistics: ChunkStatistics,
    *,
    prior: ConjugatePrior | None = None,
    reg_covar: float = 0.0,
) -> MixtureParameters:
    """Return the parameters after a step of EM: the M-step.

    Parameters
    ----------
    parameters : MixtureParameters or GaussianMixture
        At which the statistics of all rows were taken. What a fit held
        (`fixed_weights`, `frozen`) stays held.
    statistics : ChunkStatistics
        Of all rows, by `add_statistics`.
    prior : ConjugatePrior, optional
        Made by `conjugate_prior` from a sample. It counts once, not once a chunk.
    reg_covar : float
        Added to the variances, in squared units of the data.

    Returns
    -------
    MixtureParameters
        Their likelihood, with a prior their posterior density, is no lower.

    Raises
    ------
    InputError
        If the statistics were taken elsewhere, or leave a component without rows or
        spread, where the likelihood has no maximum.

    References
    ----------
    .. [1] A. P. Dempster, N. M. Laird, D. B. Rubin (1977), *Maximum likelihood from
       incomplete data via the EM algorithm*, JRSS-B 39:1-38.
    """
    step = _step(parameters, statistics, prior, reg_covar)
    if step.collapsed is not None:
        raise InputError(
            "statistics",
            "leave every component rows, and spread in all directions",
            f"component {step.collapsed} of {step.parameters.n_components} without",
            "Start elsewhere, with fewer components or a simpler `covariance_type`, or "
            "give a `prior`, which no component collapses under.",
        )
    return step.update


def gradient_norm(
    parameters,
    statistics: ChunkStatistics,
    *,
    prior: ConjugatePrior | None = None,
    reg_covar: float = 0.0,
) -> float:
    """Return how far from a maximum EM stands: the test by which its fits end.

    Parameters
    ----------
    parameters, statistics, prior, reg_covar
        As in `update`.

    Returns
    -------
    float
        Gradient of the log-likelihood (with a prior: plus its log density) per
        observation, free of units; see `bayesgmm.steps.Step`. A fit ends at
        `bayesgmm.steps.GRADIENT_TOLERANCE`, 1e-7.
    """
    return _step(parameters, statistics, prior, reg_covar).gradient_norm


def _step(parameters, statistics, prior, reg_covar) -> Step:
    at = as_parameters(parameters, "parameters", noisy=True)
    _check_taken_at(statistics, at)
    overall = overall_of(statistics.moments, at.quadratics.means)
    check_number("reg_covar", reg_covar, "be a number of 0 or more", lambda x: x >= 0)
    if prior is not None and not isinstance(prior, ConjugatePrior):
        raise InputError(
            "prior",
            "be None or a ConjugatePrior",
            repr(prior),
            "Make it by `conjugate_prior` from a sample of the rows.",
        )
    prior = resolve_prior(prior, overall, at.n_components, at.family, at.feature_names)
    maximiser = Maximiser(reg_covar, prior).hold_as(at)
    reference = maximiser.covariance_of_all(at.family, overall)
    rows = Summed(statistics.moments, statistics.n_rows, statistics.log_likelihood)
    return Objective(rows, reference, maximiser).step(at)


def _check_taken_at(statistics, at):
    if not isinstance(statistics, ChunkStatistics):
        raise InputError(
            "statistics",
            "be ChunkStatistics",
            type(statistics).__name__,
            "Add those of all chunks by `add_statistics`.",
        )
    if statistics.taken_at != _name(at):
        raise InputError(
            "statistics",
            "be taken at `parameters`, on whose means they are centred",
            "statistics taken at others",
            "Take `sufficient_statistics` of all chunks anew after each step.",
        )
    if statistics.n_rows == 0:
        raise InputError(
            "statistics", "be of rows", "those of none", "Check that chunks were read."
        )


def _of_nothing(at):
    """Return sums over no rows."""
    k, d = at.quadratics.means.shape
    nothing = SufficientStatistics(np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d)))
    return ChunkStatistics(0.0, nothing, 0, _name(at))


def _name(at: MixtureParameters) -> str:
    """Return a name of parameters that no others have: a hash of all their digits."""
    digest = blake2b(digest_size=16)
    for array in at.quadratics:
        digest.update(np.ascontiguousarray(array, dtype=np.float64).tobytes())
    return digest.hexdigest()
