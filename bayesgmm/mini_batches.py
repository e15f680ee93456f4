"""`partial_fit`: the estimator's way to online EM."""

import warnings
from copy import copy
from typing import Any

from bayesgmm.chunks import is_chunked
from bayesgmm.covariances import covariance_family
from bayesgmm.em import Status
from bayesgmm.errors import CollapseWarning, InputError
from bayesgmm.fitted import FittedMixture
from bayesgmm.fitting import check_settings
from bayesgmm.online import Online
from bayesgmm.validation import check_sample_weight, check_table
from bayesgmm.weight_kinds import weight_kind

OF_ALL_ROWS = (
    "restarts_",
    "optima_",
    "n_optima_",
    "log_likelihood_",
    "lower_bound_",
    "lower_bounds_",
    "gradient_norm_",
)
"""What a fit knows, and one that has forgotten its rows does not."""


class MiniBatches(FittedMixture):
    """The method of an estimator with `fit` that takes rows and forgets them."""

    def partial_fit(self, X, y=None, sample_weight=None):  # noqa: ARG002
        """Go on with more rows, each of which is seen once: online EM.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            A mini-batch. The first one is fitted as by `fit`, so it must carry the
            mixture; thousands of rows are better than hundreds.
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional
            As in `fit`. Its scale must be the same in all calls.

        Returns
        -------
        self

        Raises
        ------
        InputError
            If data or a parameter cannot be used, or features are not those of the
            first call; in the first call also if every run collapsed.

        Warns
        -----
        CollapseWarning
            If a component lost its rows or its spread: it, and all others, stay as
            they were, until more rows help.

        Notes
        -----
        The estimate is approximate, near that of `fit` on all rows where components
        are apart or the first rows were many. ``set_params(warm_start=True).fit(X)``
        goes on from it to the maximum, with all rows at hand. A `fit` ends the
        series: the next call begins another. Memory is that of a mini-batch.

        Mini-batch t takes a share (t + 2)^-0.6 of the running statistics of a row,
        more if it is larger than the others and less if smaller [1]_. The estimate is
        the M-step from their average over mini-batches, in which late ones count
        more: statistics, unlike covariances, are averaged without leaving their
        family. A prior counts once against all rows seen.

        References
        ----------
        .. [1] O. Cappé, E. Moulines (2009), *On-line expectation-maximization
           algorithm for latent data models*, JRSS-B 71:593-613.

        Examples
        --------
        >>> import numpy as np
        >>> from bayesgmm import GaussianMixture
        >>> rng = np.random.default_rng(0)
        >>> em = GaussianMixture(2, random_state=0)
        >>> for _ in range(20):
        ...     label = rng.random(500) < 0.3
        ...     em = em.partial_fit(rng.normal(4.0 * label)[:, None])
        >>> em.weights_.round(2), em.n_samples_seen_
        (array([0.7, 0.3]), 10000)
        """
        check_settings(self)
        self._refuse_for_mini_batches(X)
        table = check_table(X, self.missing)
        weight = check_sample_weight(sample_weight, table.n_observations)
        kind = weight_kind(self.weight_kind)
        if hasattr(self, "online_"):
            self._check_same_mixture()
            self._check_features(table)
            online = self.online_.add(self, table.values, weight, kind)
        else:
            first = self._fit_first(X, sample_weight)
            vars(self).update(vars(first))
            at = first.parameters_
            online = Online.begin(at, table.values, weight, kind)
        self._keep_online(online)
        return self

    def _fit_first(self, X, sample_weight) -> Any:
        first: Any = copy(self)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CollapseWarning)
            first.fit(X, sample_weight=sample_weight)
        if first.status_ in (Status.COLLAPSED, Status.SINGULAR):
            raise InputError(
                "X",
                "carry the mixture in the first call of `partial_fit`",
                f"rows on which a fit ends so: {first.status_.value}",
                "Or give more rows in the first call, or `means_init`.",
            )
        return first

    def _keep_online(self, online: Online):
        """Set the fitted attributes, and no others than can be known."""
        for name in OF_ALL_ROWS:
            vars(self).pop(name, None)
        self.online_ = online
        self.n_iter_, self.n_samples_seen_ = online.n_batches, online.n_rows
        self._keep_parameters(online.estimate)
        self.status_, self.converged_ = Status.ONLINE, False
        if online.collapsed is not None:
            self.status_ = Status.COLLAPSED
            warnings.warn(online.describe_collapse(), CollapseWarning, 3)

    def _refuse_for_mini_batches(self, X):
        settings: Any = self
        for name, only in (("noise", None), ("on_collapse", "report")):
            if getattr(settings, name) != only:
                raise InputError(
                    name,
                    f"be {only!r} for `partial_fit`",
                    repr(getattr(settings, name)),
                    "Use `fit`, on a sample if need be.",
                )
        if is_chunked(X):
            raise InputError(
                "X",
                "be rows in memory for `partial_fit`",
                "lazy ones",
                "Compute it block by block, or use `fit`, which reads lazy rows.",
            )

    def _check_same_mixture(self):
        settings: Any = self
        had = self.parameters_.n_components, self.parameters_.family.mclust_name
        family = covariance_family(settings.covariance_type)
        now = settings.n_components, family.mclust_name
        if had != now:
            raise InputError(
                "n_components" if had[0] != now[0] else "covariance_type",
                f"stay as in the first call of `partial_fit`, {had}",
                str(now),
                "Begin with a new estimator.",
            )
