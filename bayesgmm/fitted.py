"""What a fitted mixture tells about rows: labels, densities, criteria, new rows."""

from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from bayesgmm import criteria
from bayesgmm._typing import Floats, Ints
from bayesgmm.arguments import check_count
from bayesgmm.kernels.reduce import labels, log_likelihood_rows, responsibilities
from bayesgmm.parameters import MixtureParameters
from bayesgmm.validation import check_features, check_sample_weight, check_table


class FittedMixture:
    """Methods of an estimator that need `parameters_` and not how it was found.

    Each refuses observations whose features are not those of the fit (`InputError`),
    and an estimator that was not fitted (`sklearn.exceptions.NotFittedError`).
    """

    parameters_: MixtureParameters
    random_state: Any

    def predict(self, X) -> Ints:
        """Return the component each row most likely comes from.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)

        Returns
        -------
        array of int, shape (n_samples,)
        """
        return labels(self._read(X), self.parameters_.quadratics)

    def predict_proba(self, X) -> Floats:
        """Return p(component | row).

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_components)
        """
        return responsibilities(self._read(X), self.parameters_.quadratics)

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
        return log_likelihood_rows(self._read(X), self.parameters_.quadratics)

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
        values = self._read(X)
        weight = check_sample_weight(sample_weight, len(values))
        return criterion(self.parameters_, values, weight)

    def sample(self, n_samples=1) -> tuple[Floats, Ints]:
        """Draw rows and the components they come from, one component after another.

        Parameters
        ----------
        n_samples : int

        Returns
        -------
        X : array of shape (n_samples, n_features)
        labels : array of shape (n_samples,)
        """
        check_is_fitted(self)
        check_count("n_samples", n_samples)
        random = check_random_state(self.random_state)
        mixture = self.parameters_
        shares = mixture.weights / mixture.weights.sum()
        drawn = np.repeat(
            np.arange(mixture.n_components), random.multinomial(n_samples, shares)
        )
        lower = np.linalg.cholesky(mixture.covariances)[drawn]
        noise = random.standard_normal((n_samples, mixture.n_features))
        return mixture.means[drawn] + np.einsum("nij,nj->ni", lower, noise), drawn

    def _read(self, X):
        """Return checked observations with the features of the fit."""
        check_is_fitted(self)
        table = check_table(X)
        named = hasattr(self, "feature_names_in_")
        check_features(table, self.parameters_.feature_names, named)
        return table.values
