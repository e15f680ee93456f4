"""What a fitted mixture tells about rows: labels, densities, criteria, new rows."""

from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from bayesgmm import criteria
from bayesgmm._typing import Floats, Ints
from bayesgmm.arguments import check_count, check_probability
from bayesgmm.chunked import each_row
from bayesgmm.chunks import is_chunked, open_chunks
from bayesgmm.derived import DerivedMixtures
from bayesgmm.dims import NOISE
from bayesgmm.imputation import impute
from bayesgmm.incomplete import observe
from bayesgmm.kernels.reduce import labels, log_likelihood_rows, responsibilities
from bayesgmm.parameters import refuse_noise
from bayesgmm.tails import cdf, density_level, density_tail, draw_rows
from bayesgmm.validation import check_features, check_sample_weight, check_table
from bayesgmm.weight_kinds import weight_kind


class FittedMixture(DerivedMixtures):
    """Methods of an estimator that need `parameters_` and not how it was found.

    Each refuses observations whose features are not those of the fit (`InputError`),
    and an estimator that was not fitted (`sklearn.exceptions.NotFittedError`).
    """

    missing: str
    weight_kind: str
    random_state: Any

    def predict(self, X) -> Ints:
        """Return the component each row most likely comes from.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)

        Returns
        -------
        array of int, shape (n_samples,)
            -1 for noise.
        """
        found = self._each(labels, X)
        return np.where(found == self.parameters_.n_components, NOISE, found)

    def predict_proba(self, X) -> Floats:
        """Return p(component | row).

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_components)
            With one column more, the last, if the fit has noise.
        """
        return self._each(responsibilities, X)

    def score_samples(self, X) -> Floats:
        """Return the log density of every row.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,)
            Natural log.
        """
        return self._each(log_likelihood_rows, X)

    def score(self, X, y=None, sample_weight=None) -> float:  # noqa: ARG002
        """Return the (weighted) mean log density of the rows.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional
            How often each row counts.

        Returns
        -------
        float
        """
        rows = self.score_samples(X)
        weight = check_sample_weight(sample_weight, len(rows))
        return float(np.average(rows, weights=weight))

    def bic(self, X, sample_weight=None) -> float:
        """Return the Bayesian information criterion; lower is better.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        sample_weight : array-like of shape (n_samples,), optional
            How often each row counts.

        Returns
        -------
        float
        """
        return self._criterion(criteria.bic, X, sample_weight)

    def aic(self, X, sample_weight=None) -> float:
        """Return Akaike's information criterion; lower is better.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        sample_weight : array-like of shape (n_samples,), optional
            How often each row counts.

        Returns
        -------
        float
        """
        return self._criterion(criteria.aic, X, sample_weight)

    def icl(self, X, sample_weight=None) -> float:
        """Return the integrated completed likelihood criterion; lower is better.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        sample_weight : array-like of shape (n_samples,), optional
            How often each row counts.

        Returns
        -------
        float
        """
        return self._criterion(criteria.icl, X, sample_weight)

    def _criterion(self, criterion, X, sample_weight):
        if is_chunked(X):
            chunks = self._open(X, sample_weight)
            return criterion(self.parameters_, chunks, chunks.sample_weight)
        values = self._read(X, self.missing)
        weight = check_sample_weight(sample_weight, len(values))
        if weight is not None:
            weight = weight_kind(self.weight_kind).rescale(weight)
        return criterion(self.parameters_, values, weight)

    def impute(self, X, random_state=None, n_draws=None) -> Floats:
        """Return rows with their missing values filled in.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Whatever `missing` is, it may have missing values here.
        random_state : int, RandomState or Generator, optional
            For draws: the same number gives the same ones. By default that of the
            estimator.
        n_draws : int, optional
            Fill by that many draws from p(missing | observed), for multiple imputation:
            with the parameters as they were fitted. None fills by the mean.

        Returns
        -------
        array of shape (n_samples, n_features), or (n_draws, n_samples, n_features)
        """
        values = self._read(X, "fiml")
        refuse_noise(self.parameters_, "for `impute`")
        if n_draws is None:
            return impute(self.parameters_, values)
        check_count("n_draws", n_draws)
        random = self._random(random_state)
        return np.array(
            [impute(self.parameters_, values, random) for _ in range(n_draws)]
        )

    def cdf(self, X) -> Floats:
        """Return the probability of values no larger than a row's, in all features.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,)
            Exact to 1e-8 for one or two features and where features are independent
            within components, else to about 1e-5; see `bayesgmm.tails.cdf`.
        """
        values = self._read(X).astype(np.float64)
        refuse_noise(self.parameters_, "for `cdf`")
        return cdf(self.parameters_, values)

    def anomaly_score(self, X) -> Floats:
        """Return how often a new row would be as unusual as each of these, or more.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,)
            P(density of a new row <= density of this one), from 0, the most unusual,
            to 1. Of rows from the mixture 1% score 0.01 or less. Exact for one
            component, else to 0.002 and 4%; see `bayesgmm.tails.density_tail`.
        """
        values = self._read(X)
        refuse_noise(self.parameters_, "for `anomaly_score`")
        log_densities = log_likelihood_rows(values, self.parameters_.quadratics)
        return density_tail(self.parameters_, log_densities)

    def highest_density_level(self, probability) -> float:
        """Return the log density that marks the smallest region of a probability.

        Parameters
        ----------
        probability : float
            Between 0 and 1.

        Returns
        -------
        float
            New rows have a higher `score_samples` with this probability: exactly so
            for one component, else to 0.002; see `bayesgmm.tails.density_level`.
        """
        check_is_fitted(self)
        refuse_noise(self.parameters_, "for `highest_density_level`")
        probability = check_probability("probability", probability)
        return density_level(self.parameters_, probability)

    def sample(self, n_samples=1, random_state=None) -> tuple[Floats, Ints]:
        """Draw rows and the components they come from, one component after another.

        Parameters
        ----------
        n_samples : int
        random_state : int, RandomState or Generator, optional
            The same number gives the same rows. By default that of the estimator.

        Returns
        -------
        X : array of shape (n_samples, n_features)
        labels : array of shape (n_samples,)
            -1 for noise, which comes last, uniformly from its box.
        """
        check_is_fitted(self)
        remedy = "Ask for one row or more. (Invalid value for 'n_samples'.)"
        check_count("n_samples", n_samples, remedy=remedy)
        return draw_rows(self.parameters_, n_samples, self._random(random_state))

    def _random(self, random_state):
        """Return what draws: by default as the estimator was told to."""
        if random_state is None:
            random_state = self.random_state
        if isinstance(random_state, np.random.Generator):
            return random_state
        return check_random_state(random_state)

    def _each(self, kernel, X):
        """Return what a kernel keeps of every row, lazily of lazy rows."""
        if is_chunked(X):
            return each_row(self._open(X), kernel, self.parameters_)
        return observe(self._read(X, self.missing)).each(kernel, self.parameters_)

    def _read(self, X, missing=None):
        """Return checked observations with the features of the fit."""
        check_is_fitted(self)
        table = check_table(X, missing)
        self._check_features(table)
        return table.values

    def _open(self, X, sample_weight=None):
        """Return lazy observations with the features of the fit."""
        check_is_fitted(self)
        kind = weight_kind(self.weight_kind)
        chunks = open_chunks(X, self.missing, sample_weight, kind)
        self._check_features(chunks)
        return chunks

    def _check_features(self, table):
        named = hasattr(self, "feature_names_in_")
        check_features(table, self.parameters_.feature_names, named)
