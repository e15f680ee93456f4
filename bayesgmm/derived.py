"""What can be made of a fit: other mixtures, other names, a file, scikit-learn's."""

from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from bayesgmm import interchange
from bayesgmm.errors import InputError
from bayesgmm.fit_file import read_fit, write_fit
from bayesgmm.optima import pair_components
from bayesgmm.parameters import MixtureParameters, as_parameters
from bayesgmm.validation import are_named


class DerivedMixtures:
    """Methods of an estimator that make something else of `parameters_`.

    The estimator itself stays as it is. One that was not fitted is refused
    (`sklearn.exceptions.NotFittedError`).
    """

    ARRAYS = (
        "weights_",
        "means_",
        "covariances_",
        "precisions_cholesky_",
        "precisions_",
    )
    """Attributes that follow from `parameters_`."""

    parameters_: MixtureParameters
    restarts_: Any
    online_: Any
    n_features_in_: int
    feature_names_in_: Any

    def marginal(self, features) -> MixtureParameters:
        """Return the mixture of some of the features, whatever the others are.

        Parameters
        ----------
        features : str, int, or several
            Names or places, in the order wanted.

        Returns
        -------
        MixtureParameters
            See `MixtureParameters.marginal`.
        """
        check_is_fitted(self)
        return self.parameters_.marginal(features)

    def conditional(self, given) -> MixtureParameters:
        """Return the mixture of the other features where some are known.

        Parameters
        ----------
        given : dict
            From names or places of features to their values.

        Returns
        -------
        MixtureParameters
            See `MixtureParameters.conditional`.
        """
        check_is_fitted(self)
        return self.parameters_.conditional(given)

    def rename(self, names) -> Self:
        """Return a copy of the fit whose components have names.

        Tables, plots and posteriors that are compared with it or relabelled by it show
        the names. `predict` still counts from 0. A new fit has no names.

        Parameters
        ----------
        names : dict or sequence of str
            From a component's place or present name to its new name, for example
            ``{0: "short"}``. The others keep theirs. Or names of all, in their order.

        Returns
        -------
        GaussianMixture
        """
        check_is_fitted(self)
        order = np.arange(self.parameters_.n_components)
        return self._arranged(order, self.parameters_.rename(names).component_names)

    def align_to(self, other) -> Self:
        """Return a copy of the fit with components in the order of another's.

        Parameters
        ----------
        other : GaussianMixture or MixtureParameters
            Of as many components, on the same features.

        Returns
        -------
        GaussianMixture
            With the names of `other`, if it has any.

        Raises
        ------
        InputError
            If the two have not the same components and features.

        Notes
        -----
        The pairs of components are those with the smallest sum of distances. A distance
        is the largest of the difference in weight and the differences in mean and
        covariance in units of the spread of the component of `other`.
        """
        check_is_fitted(self)
        reference, ours = as_parameters(other, "other"), self.parameters_
        _check_same_kind(reference, ours)
        order = pair_components(reference, ours)[0]
        return self._arranged(order, reference.component_names)

    def save(self, path) -> Path:
        """Write the fit to a JSON file, from which `load` makes the same again.

        Parameters
        ----------
        path : path
            A file that exists is replaced in one step.

        Returns
        -------
        pathlib.Path

        Raises
        ------
        InputError
            If there is no place for the file, or a setting, as a `RandomState`, is an
            object that it cannot hold.
        """
        check_is_fitted(self)
        return write_fit(self, path)

    @classmethod
    def load(cls, path) -> Self:
        """Return the fit that `save` wrote, equal to the last digit.

        Parameters
        ----------
        path : path

        Returns
        -------
        GaussianMixture
            Predicts, tells and, with `warm_start`, goes on as the one that was saved.

        Raises
        ------
        InputError
            If there is no such file, it holds something else, or it was written by a
            later version of the package in a new format.
        """
        return read_fit(cls, path)

    @classmethod
    def from_parameters(cls, parameters) -> Self:
        """Return an estimator as if it had been fitted to these parameters.

        Parameters
        ----------
        parameters : MixtureParameters
            For example what `conditional` returned.

        Returns
        -------
        GaussianMixture
            With all methods of a fit, but without its history (`status_`, `optima_`,
            ...). With `warm_start`, `fit` goes on from the parameters.
        """
        parameters = as_parameters(parameters, "parameters")
        names = parameters.feature_names
        em: Any = cls()
        kind = {"covariance_type": parameters.covariance_type}
        em.set_params(n_components=parameters.n_components, **kind)
        em._keep_parameters(parameters)
        em.n_features_in_ = parameters.n_features
        if are_named(names):
            em.feature_names_in_ = np.array(names, dtype=object)
        return em

    @classmethod
    def from_sklearn(cls, fitted) -> Self:
        """Return a fit of scikit-learn's `GaussianMixture` as one of ours.

        Parameters
        ----------
        fitted : sklearn.mixture.GaussianMixture
            Not a `BayesianGaussianMixture`: its scores average over parameters, and no
            single mixture gives them.

        Returns
        -------
        GaussianMixture
            With the settings of `fitted`, its `tol` and `reg_covar` too, and without
            `status_`, `optima_` and `restarts_`.

        Raises
        ------
        InputError
            If it is something else, or not fitted.
        """
        return interchange.from_sklearn(cls, fitted)

    def to_sklearn(self):
        """Return the fit as scikit-learn's `GaussianMixture`.

        Returns
        -------
        sklearn.mixture.GaussianMixture
            Its `covariance_type` is "full" for families that scikit-learn has not, and
            settings that it does not know are its defaults.
        """
        check_is_fitted(self)
        return interchange.to_sklearn(self)

    def _keep_parameters(self, parameters: MixtureParameters):
        """Set the parameters and the arrays that follow from them."""
        compact = parameters.family.compact
        arrays = (
            parameters.weights,
            parameters.means,
            compact(parameters.covariances),
            compact(parameters.precisions_cholesky),
            compact(parameters.precisions),
        )
        self.parameters_ = parameters
        vars(self).update(zip(self.ARRAYS, arrays, strict=True))

    def _arranged(self, order, names) -> Self:
        """Return a copy with component ``order[k]`` at place k, under these names."""
        arranged = copy(self)
        parameters = replace(self.parameters_.permute(order), component_names=names)
        arranged._keep_parameters(parameters)
        if hasattr(self, "restarts_"):
            best = self.restarts_.best.permute(order)
            best = replace(best, parameters=parameters)
            arranged.restarts_ = replace(self.restarts_, best=best)
        if hasattr(self, "online_"):
            arranged.online_ = self.online_.permute(order, names)
        return arranged


def _check_same_kind(reference: MixtureParameters, ours: MixtureParameters):
    wanted, had = (
        (p.n_components, p.n_features, p.feature_names) for p in (reference, ours)
    )
    same_names = wanted[2] == had[2] or not all(map(are_named, (wanted[2], had[2])))
    if wanted[:2] == had[:2] and same_names:
        return
    write = "{} components of {} features ({})".format
    raise InputError(
        "other",
        f"have the {write(*had[:2], ', '.join(had[2]))} of this fit",
        write(*wanted[:2], ", ".join(wanted[2])),
        "Fit both with as many components on the same columns.",
    )
