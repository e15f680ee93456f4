"""The parameters of a mixture: one immutable value that everything passes on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesgmm._typing import Floats, Quadratics
from bayesgmm.arguments import check_names, check_number, check_places
from bayesgmm.covariances import CovarianceFamily, covariance_family
from bayesgmm.errors import InputError
from bayesgmm.kernels.reduce import responsibilities
from bayesgmm.noise import Noise, share_names
from bayesgmm.quadratics import build_quadratics, invert_cholesky


@dataclass(frozen=True, slots=True, eq=False)
class MixtureParameters:
    """Weights, means and covariances of a Gaussian mixture.

    Attributes
    ----------
    weights : array of shape (n_components,)
    means : array of shape (n_components, n_features)
    covariances : array of shape (n_components, n_features, n_features)
        Full matrices, whatever the family.
    covariance_type : str
    feature_names : tuple of str
    component_names : tuple of str or None
        None until somebody names them: see `rename`.
    weights_held : bool
        Whether a fit was told the weights, and did not estimate them.
    frozen : tuple of int
        Components whose means and covariances a fit was told.
    noise : Noise or None
        A component of uniform density. It is not counted in `n_components`, and
        `weights` sum to one minus its weight.
    """

    weights: Floats
    means: Floats
    covariances: Floats
    covariance_type: str
    feature_names: tuple[str, ...]
    component_names: tuple[str, ...] | None = None
    weights_held: bool = False
    frozen: tuple[int, ...] = ()
    noise: Noise | None = None

    @property
    def components(self) -> tuple[str, ...] | tuple[int, ...]:
        """What to call the components: their names, or 0, 1, ... if they have none."""
        return self.component_names or tuple(range(self.n_components))

    @property
    def share_names(self) -> np.ndarray:
        """As of `bayesgmm.noise.share_names`."""
        return share_names(self.components, self.noise)

    @property
    def n_components(self) -> int:
        return self.means.shape[0]

    @property
    def n_features(self) -> int:
        return self.means.shape[1]

    @property
    def family(self) -> CovarianceFamily:
        """What `covariance_type` stands for."""
        return covariance_family(self.covariance_type)

    @property
    def n_parameters(self) -> int:
        """Numbers estimated: weights, means and what the family counts.

        Noise counts as two, its weight and, as mclust has it, its volume.
        """
        k, d = self.means.shape
        of_noise = 0 if self.noise is None else 2
        return k - 1 + k * d + self.family.n_parameters(k, d) + of_noise - self.n_held

    @property
    def n_held(self) -> int:
        """How many of the free numbers a fit was told and did not estimate."""
        k, d = self.means.shape
        of_one = d + self.family.n_parameters(1, d)
        return (k - 1) * self.weights_held + len(self.frozen) * of_one

    @property
    def shares(self) -> Floats:
        """The weights, that of noise behind them if there is any. They sum to one."""
        if self.noise is None:
            return self.weights
        return np.append(self.weights, self.noise.weight)

    def with_shares(self, shares: Floats) -> "MixtureParameters":
        """Return the same mixture with other `shares`.

        Parameters
        ----------
        shares : array of shape (n_components,), one longer with noise
        """
        if self.noise is None:
            return replace(self, weights=shares)
        noise = replace(self.noise, weight=float(shares[-1]))
        return replace(self, weights=shares[:-1], noise=noise)

    @property
    def precisions_cholesky(self) -> Floats:
        """Upper triangular P, precision = P P^T, shaped like `covariances`."""
        return invert_cholesky(self.covariances)

    @property
    def precisions(self) -> Floats:
        """Inverse covariances, shaped like `covariances`."""
        whiteners = self.precisions_cholesky
        return whiteners @ np.swapaxes(whiteners, -1, -2)

    @property
    def quadratics(self) -> Quadratics:
        """The mixture as the kernels see it: components, then noise if there is any."""
        own = build_quadratics(self.weights, self.means, self.precisions_cholesky)
        return own if self.noise is None else self.noise.join(own)

    def add_noise(self, noise: Noise, weight: float) -> "MixtureParameters":
        """Return the mixture with noise, and less of every component.

        Parameters
        ----------
        noise : Noise
            Whose box it is.
        weight : float
        """
        weights = (1 - weight) * self.weights
        return replace(self, weights=weights, noise=replace(noise, weight=weight))

    def permute(self, order) -> "MixtureParameters":
        """Return the same mixture with component ``order[k]`` at place k.

        Names go with their components; numbers stay with the places.

        Parameters
        ----------
        order : array-like of int, shape (n_components,)
            A permutation of 0, 1, ...
        """
        order = np.asarray(order)
        names, held = self.component_names, self.frozen
        return replace(
            self,
            weights=self.weights[order],
            means=self.means[order],
            covariances=self.covariances[order],
            component_names=None if names is None else tuple(names[k] for k in order),
            frozen=tuple(int(place) for place in np.flatnonzero(np.isin(order, held))),
        )

    def rename(
        self, names: Mapping[int | str, str] | Sequence[str]
    ) -> "MixtureParameters":
        """Return the same mixture with other names of components.

        Parameters
        ----------
        names : dict or sequence of str
            From a component's place or present name to its new name, for example
            ``{0: "short"}``. The others keep theirs; one that had none yet is called
            by its place, "1". Or names of all, in their order.

        Raises
        ------
        InputError
            If there is no such component, or two would have the same name.
        """
        return replace(self, component_names=check_names(names, self.components))

    def marginal(self, features: str | int | Iterable) -> "MixtureParameters":
        """Return the mixture of some of the features, whatever the others are.

        Parameters
        ----------
        features : str, int, or several
            Names or places, in the order wanted.

        Returns
        -------
        MixtureParameters
            Its `covariance_type` is that of the mixture where margins stay in the
            family; else "diag" if features are independent within components, or
            "full".

        Raises
        ------
        InputError
            If there is no such feature, or none is asked for, or one twice; or if there
            is noise.
        """
        refuse_noise(self, "for margins and conditionals")
        kept = check_places("features", features, self.feature_names)
        family, whole = self.family, len(kept) == self.n_features
        return replace(
            self,
            means=self.means[:, kept],
            covariances=self.covariances[:, kept][:, :, kept],
            covariance_type=family.name if whole else family.on_fewer_features,
            feature_names=tuple(self.feature_names[j] for j in kept),
            weights_held=False,
            frozen=(),
        )

    def conditional(self, given: Mapping[str | int, float]) -> "MixtureParameters":
        """Return the mixture of the other features where some are known.

        Parameters
        ----------
        given : dict
            From names or places of features to their values.

        Returns
        -------
        MixtureParameters
            Of the features left, in their order. A component's weight is its
            probability given the values, so that ``weights @ means`` is the
            expectation of the features left. Its `covariance_type` is as in
            `marginal`.

        Raises
        ------
        InputError
            If there is no such feature, none is given or none is left, or a value is
            not finite.

        References
        ----------
        .. [1] Z. Ghahramani, M. I. Jordan (1994), *Supervised learning from incomplete
           data via an EM approach*, NIPS 6.
        """
        if not isinstance(given, Mapping):
            raise InputError(
                "given",
                "be a dict from features to values",
                type(given).__name__,
                f"For example `{{{self.feature_names[0]!r}: 0.0}}`.",
            )
        known = check_places("given", given, self.feature_names)
        left = [j for j in range(self.n_features) if j not in known]
        if not left:
            raise InputError(
                "given",
                "leave a feature open",
                f"values of all {self.n_features}",
                "Use `score_samples` for the density of complete rows.",
            )
        x = np.array([check_number("given", value) for value in given.values()])
        margin, n = self.marginal(known), len(known)
        order = known + left
        # In this order the factor ends in that of the conditional covariance, which is
        # then a product: positive definite, whatever is lost in rounding.
        lower = np.linalg.cholesky(self.covariances[:, order][:, :, order])
        distances = np.linalg.solve(lower[:, :n, :n], (x - margin.means)[..., None])
        rest = lower[:, n:, n:]
        weights = responsibilities(x[None], margin.quadratics)[0]
        if not weights.any():
            raise InputError(
                "given",
                "be values that have a density",
                f"{dict(given)}, so far out that squares overflow",
                "Check units and values.",
            )
        return replace(
            self.marginal(left),
            weights=weights,
            means=self.means[:, left] + (lower[:, n:, :n] @ distances)[..., 0],
            covariances=rest @ np.swapaxes(rest, -1, -2),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and strings, ready for JSON."""
        return {
            "covariance_type": self.covariance_type,
            "feature_names": list(self.feature_names),
            "component_names": self.component_names and list(self.component_names),
            "weights": self.weights.tolist(),
            "means": self.means.tolist(),
            "covariances": self.covariances.tolist(),
            "weights_held": self.weights_held,
            "frozen": list(self.frozen),
            "noise": None if self.noise is None else self.noise.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "MixtureParameters":
        """Undo `to_dict`."""
        names, noise = content.get("component_names"), content.get("noise")
        return cls(
            weights=np.array(content["weights"], dtype=np.float64),
            means=np.array(content["means"], dtype=np.float64),
            covariances=np.array(content["covariances"], dtype=np.float64),
            covariance_type=content["covariance_type"],
            feature_names=tuple(content["feature_names"]),
            component_names=None if names is None else tuple(names),
            weights_held=content.get("weights_held", False),
            frozen=tuple(content.get("frozen", ())),
            noise=None if noise is None else Noise.from_dict(noise),
        )


def refuse_noise(
    parameters: MixtureParameters, purpose: str, argument: str = "em"
) -> None:
    """Refuse a mixture with noise where only components of a density are understood."""
    if parameters.noise is not None:
        raise InputError(
            argument,
            f"be a mixture without noise {purpose}",
            f"one with a noise component of weight {parameters.noise.weight:.3g}",
            "Fit with `noise=None`, for example to the rows that `predict` does not "
            "call noise.",
        )


def as_parameters(
    em: Any, argument: str = "em", *, noisy: bool = False
) -> MixtureParameters:
    """Return the parameters of a fitted estimator, or parameters as they are.

    Whoever asks by this has no place for noise, which is refused, unless `noisy`.
    """
    parameters = getattr(em, "parameters_", em)
    if isinstance(parameters, MixtureParameters):
        if not noisy:
            refuse_noise(parameters, "here", argument)
        return parameters
    raise InputError(
        argument,
        "be a fitted GaussianMixture or MixtureParameters",
        type(em).__name__,
        "Call `.fit(X)` on it first.",
    )
