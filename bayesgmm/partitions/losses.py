"""Losses between two partitions, each from their contingency table."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_choice, check_number
from bayesgmm.errors import InputError
from bayesgmm.kernels import partitions as kernels
from bayesgmm.kernels.partitions import Rule
from bayesgmm.partitions.given import LabelDraws, as_labels
from bayesgmm.same_rows import check_rows, rows_of

ROUNDING = 1e-9
"""Losses, and shares of draws, that differ less, relative to them, are equal."""


@dataclass(frozen=True, slots=True, eq=False)
class Loss:
    """How far apart two partitions are; from the table `LOSSES`, or `bayesgmm.binder`.

    As a string it is its name, with its costs.

    Attributes
    ----------
    name : str
    kind : int
        Of the formula in `kernels.partitions`.
    curve : function
        What sizes are summed as.
    unit : str
        "bits", "pairs" or, of costs and of what has none, "".
    cost_apart : float
        Of Binder's loss.
    """

    name: str
    kind: int
    curve: Callable[[Floats], Floats]
    unit: str = ""
    cost_apart: float = 1.0

    def __str__(self) -> str:
        costs = "" if self.cost_apart == 1.0 else f"({self.cost_apart:g})"
        return self.name + costs

    def rule(self, n_observations: int) -> Rule:
        """Return the loss as kernels see it, for so many rows."""
        curve = self.curve(np.arange(n_observations + 1.0))
        return Rule(self.kind, self.cost_apart, curve, np.diff(curve))

    def distances(self, labels: Any, draws: LabelDraws) -> Floats:
        """Return the loss of a partition against every draw, shape (n_draws,)."""
        rule, n_clusters = self.rule(len(labels)), int(labels.max()) + 1
        own = np.ascontiguousarray(labels, dtype=np.int32)
        return kernels.losses(rule, own, n_clusters, draws.values, draws.n_labels)


def _entropies(sizes: Floats) -> Floats:
    return sizes * np.log2(np.maximum(sizes, 1.0))


def _pairs(sizes: Floats) -> Floats:
    return sizes * (sizes - 1) / 2


LOSSES = {
    loss.name: loss
    for loss in (
        Loss("vi", kernels.VI, _entropies, "bits"),
        Loss("binder", kernels.BINDER, _pairs, "pairs"),
        Loss("omari", kernels.OMARI, _pairs),
        Loss("nvi", kernels.NVI, _entropies),
        Loss("nid", kernels.NID, _entropies),
    )
}


def binder(cost_apart: float = 1.0) -> Loss:
    """Return Binder's loss with unequal costs, for `partition` and its like.

    Parameters
    ----------
    cost_apart : float, default 1.0
        Between 0 and 2: what it costs to put a pair of rows apart that belongs
        together. To put a pair together that belongs apart costs 2 less this. Higher
        ones give fewer clusters.

    Returns
    -------
    Loss

    Raises
    ------
    InputError
        If `cost_apart` is not between 0 and 2.

    References
    ----------
    .. [1] J. W. Lau and P. J. Green (2007), *Bayesian model-based clustering
       procedures*, JCGS 16:526-558.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.partition_distance([0, 1, 1], [0, 0, 1], bg.binder(1.5))
    2.0
    """
    cost = check_number(
        "cost_apart", cost_apart, "be between 0 and 2", lambda a: 0 < a < 2
    )
    equal = LOSSES["binder"]
    return equal if cost == 1.0 else replace(equal, unit="", cost_apart=cost)


def as_loss(loss: Any) -> Loss:
    """Return the loss of that name, or `loss` itself if it is one."""
    return (
        loss if isinstance(loss, Loss) else LOSSES[check_choice("loss", loss, LOSSES)]
    )


def partition_distance(a: Any, b: Any, loss: str | Loss = "vi") -> float:
    """Return how far apart two partitions of the same rows are.

    Parameters
    ----------
    a, b : array-like of int, shape (n_observations,)
        Labels. Only which rows share one matters; -1, for noise, is one like others,
        and -2 is none: undecided rows are left out before.
    loss : {"vi", "binder", "omari", "nvi", "nid"} or Loss, default "vi"
        Variation of information in bits [1]_, pairs of rows that share a label in one
        of the two only [2]_, one minus the adjusted Rand index [3]_, normalised
        variation of information, normalised information distance [4]_. With unequal
        costs, `binder`, `a` is the estimate and `b` the truth.

    Returns
    -------
    float
        0 if both are the same.

    Raises
    ------
    InputError
        If they are not labels of the same rows in the same order, as far as a Series or
        DataArray says of which they are, or `loss` has no such name.

    Notes
    -----
    With the entropies ``H`` of the labels of a row taken at random, and their mutual
    information ``I = H(a) + H(b) - H(a, b)``, the losses are::

        vi      H(a) + H(b) - 2 I
        nvi     1 - I / H(a, b)
        nid     1 - I / max(H(a), H(b))

    and with the pairs of rows that are together in ``a``, in ``b``, and in both, ``A``,
    ``B`` and ``S`` of all ``N``::

        binder  (A - S) + (B - S)
        omari   1 - (S - A B / N) / ((A + B) / 2 - A B / N)

    "vi" is as in the R packages salso and mcclust.ext; "binder" is salso's times
    ``n^2 / 2``. All are computed from the contingency table, in time O(n_observations +
    its size).

    References
    ----------
    .. [1] M. Meila (2007), *Comparing clusterings: an information based distance*,
       J. Multivariate Anal. 98:873-895.
    .. [2] D. A. Binder (1978), *Bayesian cluster analysis*, Biometrika 65:31-38.
    .. [3] L. Hubert and P. Arabie (1985), *Comparing partitions*, J. Classification
       2:193-218.
    .. [4] N. X. Vinh, J. Epps, J. Bailey (2010), *Information theoretic measures for
       clusterings comparison*, JMLR 11:2837-2854.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.partition_distance([0, 0, 1, 1], [0, 0, 1, 2])
    0.5
    >>> bg.partition_distance([0, 0, 1, 1], [5, 5, 2, 2], "binder")
    0.0
    """
    rule = as_loss(loss)
    first, second = as_labels("a", a), as_labels("b", b)
    if first.values.shape != second.values.shape:
        raise InputError(
            "b",
            f"label the {first.n_observations} rows of `a`",
            f"{second.n_observations} labels",
            "Give one label for every row.",
        )
    expected, given = rows_of(a), rows_of(b)
    if expected is not None and given is not None:
        check_rows("b", given, expected, "`a`")
    return float(rule.distances(first.values[0], second)[0])
