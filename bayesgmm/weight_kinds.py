"""What a weight means: how many observations a row is, and how much each counts."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_choice


@dataclass(frozen=True, slots=True)
class WeightKind:
    """A meaning of sample weights, from which all else follows.

    Attributes
    ----------
    name : str
    split : function
        ``weight -> (counts, importance)``, whose product is the weight: for how many
        observations a row stands, and by how much each of them counts. Both have the
        shape of the weights.
    """

    name: str
    split: Callable[[Floats], tuple[Floats, Floats]]

    def effective_n(self, weight: Floats) -> float:
        """Return the number of equally important observations that tell as much.

        References
        ----------
        .. [1] L. Kish (1965), *Survey Sampling*, section 11.7.
        """
        _, importance = self.split(weight)
        largest = importance.max()  # squares of small weights would vanish
        mean = largest * ((weight * (importance / largest)).sum() / weight.sum())
        return float(weight.sum() / mean)

    def rescale(self, weight: Floats) -> Floats:
        """Return weights that sum to the effective number of observations."""
        return weight * (self.effective_n(weight) / float(weight.sum()))

    def score_weight(self, weight: Floats) -> Floats:
        """Return each row's weight in the variance of the score.

        An observation of importance u adds u times its score to the gradient, so u
        squared to the variance. Weights are taken as they are: `rescale` them first
        if the log-likelihood is.
        """
        _, importance = self.split(weight)
        return weight * importance


WEIGHT_KINDS = {
    kind.name: kind
    for kind in (
        # A row of weight 2 is the row twice.
        WeightKind("frequency", lambda weight: (weight, np.ones_like(weight))),
        # A row is one observation, and stands for a share of the population that is
        # in proportion to its weight: sampling, importance or precision weights.
        WeightKind("reliability", lambda weight: (np.ones_like(weight), weight)),
    )
}


def weight_kind(name: str) -> WeightKind:
    """Look a meaning of weights up, or refuse the name."""
    return WEIGHT_KINDS[check_choice("weight_kind", name, WEIGHT_KINDS)]
