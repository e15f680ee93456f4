"""What follows from probabilities of components: the label, and how sure it is."""

from typing import Any

import numpy as np

from bayesgmm._typing import Floats

MISSING = -9999
"""The label where data are missing, which files declare as the fill value."""


def decide(probability: Floats) -> tuple[Any, Floats]:
    """Choose the likeliest component, for many places at once.

    Parameters
    ----------
    probability : array of shape (n_components, ...)
        NaN or zeros where missing.

    Returns
    -------
    label : array of int
        The first of the highest; `MISSING` where there is none.
    margin : array
        Highest less second-highest; NaN where missing.
    """
    label = np.zeros(probability.shape[1:], np.int16)
    top, second = probability[0], np.zeros_like(probability[0])
    for k in range(1, len(probability)):
        new = probability[k]
        label[new > top] = k
        second = np.maximum(second, np.minimum(new, top))
        top = np.maximum(top, new)
    missing, margin = ~(top > 0.0), top - second
    label[missing], margin[missing] = MISSING, np.nan
    return label, margin


def entropy_of(probability: Floats) -> Floats:
    """Return the entropy over the first axis, in nats."""
    total = np.zeros_like(probability[0])
    for p in probability:
        total -= p * np.log(np.where(p > 0.0, p, 1.0))
    return total


def split_entropy(
    probability: Floats, mean_entropy: Floats, stretch: float = 1.0
) -> dict[str, Floats]:
    """Split the entropy of mean probabilities by what causes it.

    Parameters
    ----------
    probability : array of shape (n_components, ...)
        Means over draws.
    mean_entropy : array
        Mean over draws of the entropy.
    stretch : float
        As of `bayesgmm.posterior.Draws`.

    Returns
    -------
    dict of array
        ``entropy``, and the two that it is the sum of: ``assignment_entropy`` and
        ``parameter_entropy``.
    """
    entropy = entropy_of(probability)
    # Entropy is concave; rounding must not make what is left negative. It grows with
    # the variance of the draws.
    rest = np.maximum(entropy - mean_entropy, 0.0)
    rest = np.minimum(stretch**2 * rest, entropy)
    return {
        "entropy": entropy,
        "assignment_entropy": entropy - rest,
        "parameter_entropy": rest,
    }
