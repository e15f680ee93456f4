"""What can be made of a fit: mixtures of fewer features."""

from sklearn.utils.validation import check_is_fitted

from bayesgmm.parameters import MixtureParameters


class DerivedMixtures:
    """Methods of an estimator that make other mixtures of `parameters_`.

    The estimator itself stays as it is. One that was not fitted is refused
    (`sklearn.exceptions.NotFittedError`).
    """

    parameters_: MixtureParameters

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
