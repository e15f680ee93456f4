"""How far the log-likelihood of few rows is from that of all, measured on all."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from bayesgmm._typing import Floats, SufficientStatistics
from bayesgmm.criteria import log_likelihoods
from bayesgmm.nearby import shift_of
from bayesgmm.observations import Complete
from bayesgmm.parameters import MixtureParameters
from bayesgmm.variation import Variation

Sums = tuple[Floats, SufficientStatistics]
GOOD, ROUGH = 0.1, 1.0
"""Nats, as a standard deviation, that change a posterior by little, or by much."""


class Adequacy(Enum):
    """Whether few rows do for a posterior, in a sentence that says what to do."""

    GOOD = "That is good enough for a posterior."
    ROUGH = (
        "A posterior from them is rough: its standard errors may be off by some "
        "percent. Ask for more rows, about ten times as many, where that matters."
    )
    POOR = "That is too rough for a posterior: ask for more rows (`n_rows`)."


@dataclass(frozen=True, slots=True, eq=False)
class CoresetError:
    """What few rows get wrong, in nats.

    Attributes
    ----------
    at_fit : float
        Log-likelihood at the fit, less that of all rows.
    sd, largest : float
        Of what log-likelihood ratios to the fit are off by, over `n_draws` mixtures.
    n_draws : int
        Mixtures, from the normal approximation of the posterior around the fit.
    shift : float
        How far the maximum moves, in standard errors, in the direction in which it
        moves most of them; by one step of Newton's.
    """

    at_fit: float
    sd: float
    largest: float
    n_draws: int
    shift: float

    @property
    def adequacy(self) -> Adequacy:
        """Whether that does for a posterior."""
        worst = max(self.sd, self.shift)
        if worst < GOOD:
            return Adequacy.GOOD
        return Adequacy.ROUGH if worst < ROUGH else Adequacy.POOR

    def __str__(self):
        return (
            f"At the fit their log-likelihood is off by {abs(self.at_fit):.2g}, and "
            f"its maximum by {self.shift:.2g} standard errors. Over {self.n_draws} "
            "mixtures drawn around the fit, log-likelihood ratios to it are off by "
            f"{self.sd:.2g} (standard deviation), by {self.largest:.2g} at most. "
            f"{self.adequacy.value}"
        )


def score_chunk(
    rows: Floats, weight: Floats | None, mixtures: Sequence[MixtureParameters]
) -> Sums:
    """Return log-likelihoods, and the moments under the first of the mixtures."""
    first = mixtures[0]
    rows = np.ascontiguousarray(rows)
    _, moments = Complete(rows, weight).expect(first, first.quadratics)
    return log_likelihoods(mixtures, rows, weight), moments


def compare_sums(
    few: Sums, whole: Sums, mixtures, variation: Variation
) -> CoresetError:
    """Return what few rows get wrong at mixtures, the first of which is the fit.

    Parameters
    ----------
    few, whole : tuple of array and SufficientStatistics
        From `score_chunk`.
    mixtures : sequence of MixtureParameters
    variation : Variation
        Of the fit.
    """
    off = few[0] - whole[0]
    ratios = off[1:] - off[0]
    apart = SufficientStatistics(
        *(a - b for a, b in zip(few[1], whole[1], strict=True))
    )
    return CoresetError(
        at_fit=float(off[0]),
        sd=float(ratios.std()),
        largest=float(np.abs(ratios).max()),
        n_draws=len(ratios),
        shift=shift_of(mixtures[0], variation, apart),
    )
