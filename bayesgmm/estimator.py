"""`GaussianMixture`: maximum likelihood with scikit-learn's names and manners."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils.validation import check_is_fitted

from bayesgmm._typing import Ints
from bayesgmm.checkpoint import open_checkpoint
from bayesgmm.chunks import Chunks, add_labels, is_chunked, open_chunks
from bayesgmm.em import Status
from bayesgmm.errors import CollapseWarning, ConvergenceWarning
from bayesgmm.fittable import rank_of
from bayesgmm.fitting import build_objective, check_settings, run_starts
from bayesgmm.fitting_chunks import fit_chunks
from bayesgmm.initialise import check_responsibilities
from bayesgmm.known_labels import check_labels
from bayesgmm.mini_batches import MiniBatches
from bayesgmm.remembered import settle, tell_settings
from bayesgmm.restarts import Restarts, describe_mixture
from bayesgmm.steps import Objective
from bayesgmm.validation import (
    Table,
    check_sample_weight,
    check_table,
    drop_weightless,
)
from bayesgmm.weight_kinds import weight_kind


class GaussianMixture(MiniBatches, DensityMixin, BaseEstimator):
    """Gaussian mixture by maximum likelihood, fitted until the gradient is zero.

    Parameters
    ----------
    n_components : int
    covariance_type : str
        "full", "tied", "diag", "spherical", or mclust's name of a family: three letters
        for volumes, shapes and axes, E where components share them, V where each has
        its own, I for balls or for the features as axes: "EII", "VII", "EEI", "VEI",
        "EVI", "VVI", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV" [1]_.
        "full" is "VVV", "tied" "EEE", "diag" "VVI" and "spherical" "VII". For one
        feature "E" is a shared variance and "V" variances of the components' own.
    tol : float, optional
        None, the default, fits until the gradient of the log-likelihood per
        observation is zero (`bayesgmm.steps.GRADIENT_TOLERANCE`), by accelerated EM. A
        number is scikit-learn's rule: plain EM until a step adds less than `tol` to
        the mean log-likelihood, which may be far from the maximum.
    reg_covar : float
        Added to the variances, in squared units of the data. Needed by no fit; a
        cure for components that collapse.
    prior : None, "default", "mclust" or ConjugatePrior
        "default" maximises the posterior density under the prior of Fraley and
        Raftery: see `conjugate_prior`, which makes it. No component can collapse.
        "mclust" is that of mclust's fits, which depart from it in six families.
    fixed_weights : None, "equal" or array-like of shape (n_components,)
        Weights that are held, in the order of the components. `bic` does not count
        them.
    frozen : sequence of int
        Components whose means and covariances stay at `means_init` and
        `precisions_init`; their weights are estimated. Only for "full", "diag" and
        "spherical". `bic` does not count them.
    missing : {"error", "fiml"}
        "fiml" takes rows with missing values and uses all that was observed of them:
        the likelihood is that of the observed values, right if whether a value is
        missing depends on observed ones only.
    noise : None, True or float
        A component of uniform density for rows that belong to no group: True over the
        smallest box around the data (mclust's rule), a number is the volume of its
        region. `predict` calls such rows -1, `predict_proba` has a last column.
        EM begins with the rows that lie thinnest [2]_.
    weight_kind : {"frequency", "reliability"}
        What `sample_weight` means; see Notes.
    on_collapse : {"report", "repair", "drop"}
        What a run does whose component shrinks onto rows without spread, where the
        likelihood has no maximum: end there; go on with the default conjugate prior;
        or go on without the component. Such a run loses to every run that had no
        collapse.
    max_iter : int
        EM steps of one run, at most.
    n_init : int
        Starts. The highest log-likelihood is kept, unless a component of it rests on
        just the rows that its covariance needs and another optimum has none such;
        `optima_` tells how many different ends they found.
    init_params : str
        How a start is made. From a partition of the rows: "k-means++", "kmeans",
        "random", "random_from_data", or "hierarchical", which merges rows to Gaussian
        clusters and makes one start only. Or by steps of EM: "small_em" is the best
        of twenty short runs [3]_, "annealing" begins with responsibilities that are
        nearly even and sharpens them [4]_. `docs/starts.md` compares them.
    split_merge : bool
        After the starts, leave the best optimum by merging two components and
        splitting another, as long as that leads higher [5]_; such runs count among
        the starts. On by default: on small data sets it finds the best known optimum
        as often as twice the starts, in two thirds of their time. Nothing is moved if
        the user numbered the components, by starting values or labels.
    weights_init, means_init, precisions_init : array-like, optional
        Starting values in the shapes of the fitted attributes. Means given make
        every start the same, so there is one.
    responsibilities_init : array-like, optional
        Shares of components in rows, of shape (n_samples, n_components), or a label
        0, 1, ... for every row: the one start is the M-step that they lead to. With
        `noise` the last column, or label, is noise.
    random_state : int, RandomState or None
        The same number gives the same bits.
    warm_start : bool
        Continue from the last fit.
    checkpoint : str, PathLike or None
        A file that keeps every pass over the rows. A fit that was stopped, or killed,
        and is called again with the same file goes on where it was and ends with the
        same bits; see Notes.
    verbose, verbose_interval : int
        1 prints a line for every run, 2 one for every `verbose_interval` steps.

    Attributes
    ----------
    weights_ : array of shape (n_components,)
        Descending: component 0 is the largest, and of equal ones that with the lower
        means. With `means_init` or `warm_start` components keep their order.
    means_ : array of shape (n_components, n_features)
    covariances_, precisions_, precisions_cholesky_ : array
        In scikit-learn's shapes: (n_components, n_features, n_features) for "full",
        (n_features, n_features) for "tied", (n_components, n_features) for "diag",
        (n_components,) for "spherical"; that of "full" for the rest.
    parameters_ : MixtureParameters
        The same, immutable, with full covariance matrices.
    log_likelihood_ : float
        Of the fitted rows, summed, natural log.
    lower_bound_ : float
        Mean log-likelihood; with a number for `tol` that before the last step, as in
        scikit-learn.
    lower_bounds_ : list of float
        Mean log-likelihood at the start of every step of the best run.
    gradient_norm_ : float
        Gradient per observation at `parameters_`; see `bayesgmm.steps.Step`. With
        `reg_covar` that of the regularised fit.
    converged_ : bool
    status_ : Status
        An enum whose value is a sentence: what happened and what to do.
    n_iter_ : int
        Steps of the best run.
    optima_ : DataFrame
        Distinct optima that the converged runs found, the best first: log_likelihood,
        hits (how many runs ended there), gradient_norm, smallest_weight, spurious
        (a component rests on too few rows to be a group; those come last).
    n_optima_ : int
    restarts_ : Restarts
        Every run.
    online_ : Online
    n_samples_seen_ : int
        Only after `partial_fit`, which keeps no attributes that need all rows.
    n_features_in_ : int
    feature_names_in_ : array of str
        Only if the fitted data named its columns.

    Notes
    -----
    Weights of the kind "frequency" count rows: weight 2 is the row twice, and the
    number of observations in `bic` and `icl` is the sum of the weights. Those of the
    kind "reliability" say how much a row counts beside others, so that their scale
    means nothing: the number of observations is Kish's effective one,
    ``sum(w)**2 / sum(w**2)``, and weights are scaled to sum to it.

    Of many rows that are mostly repetitions, as of pixels of 8 bits, each distinct one
    is scored once, with the weight of all. The likelihood is the same to rounding;
    starts are drawn from the distinct rows by their weights, so they are other ones
    than those of the rows one by one.

    Of lazy rows starts, splits and merges are searched on a sample of 100,000, and the
    three best optima are run on all rows, in one pass a step. Sums are added in a tree
    that depends on the chunks alone: the result is the same to the bit with any number
    of threads or workers, and to rounding with other chunks or in memory.

    A `checkpoint` is a SQLite file. It stays when the fit has ended, and a further fit
    reads all of it from there. Settings and data must be those of the first fit:
    `max_iter` may be raised, and a `random_state` that is no number is drawn once. Of
    lazy rows the first, middle and last hundred are compared, and the chunks.

    References
    ----------
    .. [1] G. Celeux and G. Govaert (1995), *Gaussian parsimonious clustering models*,
       Pattern Recognition 28:781-793.
    .. [2] S. Byers and A. E. Raftery (1998), *Nearest-neighbor clutter removal for
       estimating features in spatial point processes*, JASA 93:577-584.
    .. [3] C. Biernacki, G. Celeux, G. Govaert (2003), *Choosing starting values for
       the EM algorithm*, Comput. Stat. Data Anal. 41:561-575.
    .. [4] N. Ueda, R. Nakano (1998), *Deterministic annealing EM algorithm*, Neural
       Networks 11:271-282.
    .. [5] N. Ueda, R. Nakano, Z. Ghahramani, G. E. Hinton (2000), *SMEM algorithm for
       mixture models*, Neural Computation 12:2109-2128.

    Examples
    --------
    >>> import numpy as np
    >>> from bayesgmm import GaussianMixture
    >>> X = np.array([[0.0], [1.0], [2.0], [10.0], [11.0]])
    >>> GaussianMixture(2, covariance_type="tied", random_state=0).fit_predict(X)
    array([0, 0, 0, 1, 1])
    """

    def __init__(
        self,
        n_components=1,
        *,
        covariance_type="full",
        tol=None,
        reg_covar=0.0,
        prior=None,
        fixed_weights=None,
        frozen=(),
        missing="error",
        noise=None,
        weight_kind="frequency",
        on_collapse="report",
        max_iter=1000,
        n_init=10,
        init_params="k-means++",
        split_merge=True,
        weights_init=None,
        means_init=None,
        precisions_init=None,
        responsibilities_init=None,
        random_state=None,
        warm_start=False,
        checkpoint=None,
        verbose=0,
        verbose_interval=10,
    ):
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.prior = prior
        self.fixed_weights = fixed_weights
        self.frozen = frozen
        self.missing = missing
        self.noise = noise
        self.weight_kind = weight_kind
        self.on_collapse = on_collapse
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.split_merge = split_merge
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.responsibilities_init = responsibilities_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    def fit(self, X, y=None, sample_weight=None, labels=None):  # noqa: ARG002
        """Estimate the mixture.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Lazy ones (Dask) are read chunk by chunk, in every step; see Notes.
        y : ignored
        sample_weight : array-like of shape (n_samples,), optional
            How often, or how much, each row counts; see `weight_kind`.
        labels : array-like of shape (n_samples,), optional
            The component of rows where it is known, 0, 1, ...; -1, NaN or None where
            not. A row of component k adds log(weights[k] N(x | k)) to the likelihood,
            and components keep their numbers. Or booleans of shape (n_samples,
            n_components): which components a row may come from. Of lazy rows they
            may be lazy too.

        Returns
        -------
        self

        Raises
        ------
        InputError
            Before anything is computed, if data or a parameter cannot be used.
        ChunkError
            If a chunk of lazy data cannot be read; it says which.

        Warns
        -----
        ConvergenceWarning
            If the best run ended at `max_iter`.
        CollapseWarning
            If every run collapsed, whatever was done about it, or columns are collinear
            as the family sees them.
        """
        check_settings(self)
        if is_chunked(X):
            return self._fit_chunks(X, sample_weight, labels)
        table = check_table(X, self.missing)
        weight = check_sample_weight(sample_weight, table.n_observations)
        allowed = check_labels(labels, table.n_observations, self.n_components)
        begin = check_responsibilities(
            self.responsibilities_init,
            table.n_observations,
            self.n_components + (self.noise is not None),
        )
        table, positions, weight, allowed, begin = drop_weightless(
            table, weight, allowed, begin
        )
        if weight is not None:
            weight = weight_kind(self.weight_kind).rescale(weight)
        objective = build_objective(self, table, weight, allowed, floored=True)
        data = {"X": table.values, "feature_names": table.feature_names}
        data |= {"sample_weight": weight, "labels": allowed}
        with self._open_checkpoint(data) as checkpoint:
            settings = settle(self, checkpoint)
            runs = run_starts(
                settings,
                objective,
                table,
                weight,
                allowed,
                begin,
                checkpoint=checkpoint,
            )
            restarts = Restarts.of(
                (run.with_positions(positions) for run in runs),
                objective.n_observations,
                table.n_observations,
            )
        self._keep(restarts, table, objective)
        self._warn(objective)
        return self

    def _fit_chunks(self, X, sample_weight, labels):
        kind = weight_kind(self.weight_kind)
        chunks = open_chunks(X, self.missing, sample_weight, kind)
        if labels is not None:
            chunks = add_labels(chunks, labels, self.n_components)
        given = {"sample_weight": sample_weight, "labels": labels}
        data = {} if self.checkpoint is None else chunks.tell(**given)
        with self._open_checkpoint(data) as checkpoint:
            found = fit_chunks(settle(self, checkpoint), chunks, checkpoint)
        self._keep(found.restarts, chunks, found.objective)
        self._warn(found.objective)
        return self

    def _open_checkpoint(self, data):
        return open_checkpoint(self.checkpoint, {**tell_settings(self), **data})

    def fit_predict(self, X, y=None, sample_weight=None, labels=None) -> Ints:
        """Fit, then return the label of every row.

        Parameters
        ----------
        X, y, sample_weight, labels
            As in `fit`.

        Returns
        -------
        array of int, shape (n_samples,)
        """
        return self.fit(X, y, sample_weight, labels).predict(X)

    def summary(self) -> str:
        """Return what was fitted, in words and a table of the components."""
        check_is_fitted(self)
        if hasattr(self, "restarts_"):
            return self.restarts_.describe()
        return describe_mixture(self.parameters_)

    def _keep(self, restarts: Restarts, table: Table | Chunks, objective: Objective):
        """Set the fitted attributes."""
        best, n = restarts.best, objective.n_observations
        self.restarts_ = restarts
        self._keep_parameters(best.parameters)
        self.status_, self.converged_ = best.status, best.status.converged
        self.n_iter_, self.gradient_norm_ = best.n_iter, best.gradient_norm
        self.log_likelihood_ = best.log_likelihood
        self.lower_bounds_ = [value / n for value in best.objectives]
        self.lower_bound_ = best.objective / n
        if self.tol is not None and self.lower_bounds_:
            self.lower_bound_ = self.lower_bounds_[-1]
        self.optima_ = restarts.table()
        self.n_optima_ = len(self.optima_)
        self.n_features_in_ = table.n_features
        for name in ("feature_names_in_", "online_", "n_samples_seen_"):
            vars(self).pop(name, None)
        if table.named:
            self.feature_names_in_ = np.array(table.feature_names, dtype=object)

    def _warn(self, objective: Objective):
        best, floor = self.restarts_.best, objective.maximiser.floor
        if best.status is Status.SINGULAR and floor is not None:
            n_spanned = rank_of(objective.reference - floor)
            text = self.restarts_.describe_singular(n_spanned)
            warnings.warn(text, CollapseWarning, 3)
        elif best.collapse is not None:
            warnings.warn(self.restarts_.describe_collapse(), CollapseWarning, 3)
        if best.status is Status.ITERATION_LIMIT and self.max_iter > 0:
            warnings.warn(best.describe_limit(self.tol), ConvergenceWarning, 3)
