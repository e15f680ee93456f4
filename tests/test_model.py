"""`build_model`: its log-posterior, its start, its priors, and what it refuses."""

import numpy as np
import pymc as pm
import pytest
from scipy import integrate, stats
from scipy.special import gammaln, logsumexp

import bayesgmm as bg
from bayesgmm.errors import InputError
from bayesgmm.marginal.compile import FlatModel
from bayesgmm.marginal.start import em_start
from bayesgmm.marginal.structure import structure_of
from bayesgmm.target import make_target

FAST = {"mode": "FAST_COMPILE"}
TYPES = ["full", "tied", "diag", "spherical"]


@pytest.fixture(scope="module")
def iris():
    return bg.datasets.load("iris")


@pytest.fixture(scope="module")
def fits(iris):
    """EM estimates of iris, 2 components and 3 features, by covariance type."""
    X = iris.iloc[:, :3]
    return {
        kind: bg.GaussianMixture(2, covariance_type=kind, random_state=0).fit(X)
        for kind in TYPES
    }


def log_density(model, point):
    """Log-posterior in the model's own variables, at constrained values."""
    values = {}
    for rv in model.free_RVs:
        transform, value = model.rvs_to_transforms[rv], model.rvs_to_values[rv]
        x = point[rv.name]
        if transform is not None:
            x = transform.forward(x, *rv.owner.inputs).eval(mode="FAST_COMPILE")
        values[value.name] = x
    graph = model.logp(jacobian=False, sum=False)
    with model:
        function = model.compile_fn(graph, **FAST)
    return [np.sum(term) for term in function(values)]


def random_point(model, seed):
    rng = np.random.default_rng(seed)
    shapes = {rv.name: rv.type.shape for rv in model.free_RVs}
    point = {
        "weights": rng.dirichlet(np.ones(2)),
        "means": rng.normal(3, 1, shapes["means"]),
        "standard_deviations": rng.uniform(0.3, 2, shapes["standard_deviations"]),
    }
    if "partial_correlations" in shapes:
        shape = shapes["partial_correlations"]
        point["partial_correlations"] = rng.uniform(-0.9, 0.9, shape)
    return point


def correlation_matrix(partials, d):
    """Build a correlation matrix from partial correlations by their definition.

    The partial correlation of i and j given 0..j-1 is undone by the recursion
    r_ij.m = p (1 - r_im^2)^(1/2) (1 - r_jm^2)^(1/2) + r_im r_jm, m = j-1, ..., 0.
    """
    p = np.zeros((d, d))
    p[np.tril_indices(d, -1)] = partials
    R = np.eye(d)
    for i in range(d):
        for j in range(i):
            r = p[i, j]
            for m in range(j - 1, -1, -1):
                r = r * np.sqrt((1 - p[i, m] ** 2) * (1 - p[j, m] ** 2))
                r += p[i, m] * p[j, m]
            R[i, j] = R[j, i] = r
    return R


def covariances(point, kind, d=3):
    """Return covariances of a point, from the definition of each family."""
    sds = point["standard_deviations"]
    sds = {
        "full": lambda: sds,
        "diag": lambda: sds,
        "tied": lambda: np.stack([sds, sds]),
        "spherical": lambda: np.repeat(sds[:, None], d, axis=1),
    }[kind]()
    partials = point.get("partial_correlations", np.zeros((2, d * (d - 1) // 2)))
    partials = np.broadcast_to(partials, (2, d * (d - 1) // 2))
    R = np.stack([correlation_matrix(p, d) for p in partials])
    return sds[:, :, None] * R * sds[:, None, :]


@pytest.mark.parametrize("kind", TYPES)
def test_log_posterior_is_what_the_definitions_say(iris, fits, kind):
    X = iris.iloc[:, :3]
    priors = bg.default_priors(X, 2, kind)
    model = bg.build_model(X, 2, kind, priors=priors, init=fits[kind])
    point = random_point(model, 1)
    got = dict(
        zip([v.name for v in model.basic_RVs], log_density(model, point), strict=True)
    )
    w, mu, S = point["weights"], point["means"], covariances(point, kind)
    joint = [
        np.log(w[k]) + stats.multivariate_normal(mu[k], S[k]).logpdf(X)
        for k in range(2)
    ]
    location = priors.covariances.sds_log_location
    if kind == "spherical":
        location = location.mean()
    normal = stats.norm(priors.means.location, priors.means.scale)
    log_normal = stats.lognorm(priors.covariances.sds_log_scale, scale=np.exp(location))
    expected = {
        "weights": stats.dirichlet(np.ones(2)).logpdf(w),
        "means": normal.logpdf(mu).sum(),
        "standard_deviations": log_normal.logpdf(point["standard_deviations"]).sum(),
        "x": logsumexp(joint, axis=0).sum(),
    }
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-10), name


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_start_leaves_the_log_posterior_unchanged(iris, fits, kind, weighted):
    X = iris.iloc[:, :3]
    weight = np.linspace(0, 2, len(X)) if weighted else None
    started = bg.build_model(X, 2, kind, init=fits[kind], sample_weight=weight)
    plain = bg.build_model(X, 2, kind, sample_weight=weight)
    for seed in range(3):
        point = random_point(plain, seed)
        expected = sum(log_density(plain, point))
        assert sum(log_density(started, point)) == pytest.approx(expected, rel=1e-11)


def test_weight_two_is_the_row_twice(iris):
    X = iris.iloc[:20, :2]
    doubled = np.concatenate([X, X[:5]])
    weight = np.r_[np.full(5, 2.0), np.ones(15)]
    priors = bg.default_priors(X, 2)
    one = bg.build_model(X, 2, priors=priors, sample_weight=weight)
    other = bg.build_model(doubled, 2, priors=priors)
    point = random_point(one, 0)
    expected = sum(log_density(other, point))
    assert sum(log_density(one, point)) == pytest.approx(expected, rel=1e-11)


def test_transforms_count_their_volume():
    """The unconstrained prior of one component pair integrates like the constrained."""
    X = np.random.default_rng(0).normal(size=(30, 2))
    em = bg.GaussianMixture(2, random_state=0).fit(X)
    model = bg.build_model(X, 2, init=em)
    for rv in (model["weights"], model["partial_correlations"]):
        transform, inputs = model.rvs_to_transforms[rv], rv.owner.inputs
        v = np.full(model.rvs_to_values[rv].type.shape, 0.37)
        step = 1e-6

        def back(u, transform=transform, inputs=inputs):
            return np.ravel(transform.backward(u, *inputs).eval(mode="FAST_COMPILE"))

        n = v.size
        jacobian = np.empty((n, n))
        for i in range(n):
            move = np.zeros(n)
            move[i] = step
            move = move.reshape(v.shape)
            jacobian[:, i] = (back(v + move) - back(v - move))[:n] / (2 * step)
        expected = np.linalg.slogdet(jacobian)[1]
        got = transform.log_jac_det(v, *inputs).eval(mode="FAST_COMPILE").sum()
        assert got == pytest.approx(expected, abs=1e-7)


def test_partial_correlations_are_lkj():
    """Their density over the Jacobian of R is proportional to |R|^(eta - 1)."""
    d, eta = 3, 2.0
    rng = np.random.default_rng(2)
    X = rng.normal(size=(40, d))
    model = bg.build_model(X, 2, "tied", priors=bg.default_priors(X, 2, "tied"))
    rv = model["partial_correlations"]
    below = np.tril_indices(d, -1)

    def off_diagonal(p):
        return correlation_matrix(p, d)[below]

    differences = []
    for _ in range(5):
        p = rng.uniform(-0.8, 0.8, 3)
        columns = [
            (off_diagonal(p + h) - off_diagonal(p - h)) / 2e-6 for h in 1e-6 * np.eye(3)
        ]
        log_p = pm.logp(rv, p).eval(mode="FAST_COMPILE").sum()
        log_p -= np.linalg.slogdet(np.array(columns))[1]
        R = correlation_matrix(p, d)
        differences.append(log_p - (eta - 1) * np.linalg.slogdet(R)[1])
    np.testing.assert_allclose(differences, differences[0], atol=1e-6)
    # The constant of LKJ, Lewandowski, Kurowicka and Joe (2009), theorem 5.
    levels = [eta + (d - 1 - k) / 2 for k in (1, 2)]
    log_c = sum(
        (2 * eta - 2 + d - k) * (d - k) * np.log(2)
        + (d - k) * (2 * gammaln(b) - gammaln(2 * b))
        for k, b in zip((1, 2), levels, strict=True)
    )
    assert differences[0] == pytest.approx(-log_c, abs=1e-6)


def test_covariances_are_made_of_their_parts(iris):
    X = iris.iloc[:, :3]
    for kind in TYPES:
        model = bg.build_model(X, 2, kind)
        point = random_point(model, 4)
        names = [v.name for v in model.free_RVs]
        inputs = [model[name] for name in names]
        function = pm.pytensorf.compile(
            inputs, model["covariances"], on_unused_input="ignore", **FAST
        )
        got = function(*(point[name] for name in names))
        np.testing.assert_allclose(got, covariances(point, kind), rtol=1e-12)


@pytest.mark.parametrize("kind", TYPES)
def test_every_start_is_within_a_few_standard_errors(iris, fits, kind):
    """PyMC's NUTS and nutpie both start at this point, plus this jitter."""
    em = fits[kind].parameters_
    model = bg.build_model(iris.iloc[:, :3], 2, kind, init=em)
    at_em = model.initial_point(0)
    for value in at_em.values():
        np.testing.assert_allclose(value, 0, atol=1e-9)
    jittered = model._make_initial_point(jitter_rvs=set(model.free_RVs))
    for seed in range(5):
        for value in jittered(seed).values():
            assert np.abs(value).max() <= 1
    flat = FlatModel(model)
    weights, means = flat.quantities([model["weights"], model["means"]])(flat.start)
    np.testing.assert_allclose(weights, em.weights, rtol=1e-10)
    np.testing.assert_allclose(means, em.means, rtol=1e-10)


def test_new_data_need_no_new_model(iris):
    """What is compiled reads data as they are when it is asked for."""
    X = iris.iloc[:, :2]
    priors = bg.default_priors(X, 2)
    model, other = (bg.build_model(rows, 2, priors=priors) for rows in (X, X + 1))
    flat = FlatModel(model)
    first = flat.log_posterior()(flat.start)[0]
    pm.set_data({"X": X + 1}, model=model)
    again = flat.log_posterior()(flat.start)[0]
    assert again == FlatModel(other).log_posterior()(flat.start)[0] != first


def test_standard_errors_of_one_gaussian():
    """For K = 1 the information has a closed form: sd / sqrt(n) and 1 / sqrt(2 n)."""
    rng = np.random.default_rng(0)
    X = rng.normal([0, 5], [1, 30], size=(5_000, 2))
    em = bg.GaussianMixture(1, covariance_type="diag").fit(X)
    target = make_target(X, 1, "diag", init=em)
    scales = em_start(target, structure_of("diag", 2)).scales
    n, sds = len(X), X.std(axis=0)
    # Kurtosis of a sample moves the empirical information by about 1 / sqrt(n).
    np.testing.assert_allclose(scales["means"][0], sds / np.sqrt(n), rtol=0.08)
    np.testing.assert_allclose(
        scales["standard_deviations"][0], (2 * n) ** -0.5, rtol=0.08
    )


def test_log_likelihood_and_prediction_of_a_started_model(iris, fits):
    X = iris.iloc[:, :3]
    model = bg.build_model(X, 2, "full", init=fits["full"])
    with model:
        prior = pm.sample_prior_predictive(30, random_seed=1, compile_kwargs=FAST)
        tree = prior.copy()
        tree["posterior"] = prior["prior"]
        with pm.pytensorf.pytensor.config.change_flags(mode="FAST_COMPILE"):
            pm.compute_log_likelihood(tree, progressbar=False)
            predicted = pm.sample_posterior_predictive(
                tree, random_seed=1, progressbar=False
            )
    draw = tree["posterior"].isel(chain=0, draw=3)
    w, mu, S = (draw[v].values for v in ("weights", "means", "covariances"))
    joint = [
        np.log(w[k]) + stats.multivariate_normal(mu[k], S[k]).logpdf(X)
        for k in range(2)
    ]
    got = tree["log_likelihood"]["x"].isel(chain=0, draw=3)
    assert got.dims == ("obs_id",)
    np.testing.assert_allclose(got, logsumexp(joint, axis=0), rtol=1e-10)
    assert predicted["posterior_predictive"]["x"].shape == (1, 30, 150, 3)


def test_coordinates_are_the_users_names(iris):
    X = iris.iloc[:50, :2].set_index(np.arange(100, 150))
    model = bg.build_model(X, 2)
    assert list(model.coords["feature"]) == list(X.columns)
    assert list(model.coords["obs_id"]) == list(X.index)
    assert list(model.coords["component"]) == [0, 1]


def test_priors_do_not_depend_on_units(iris):
    X, factor = iris.iloc[:, :3], np.array([1e6, 1e-6, 1.0])
    one, other = bg.default_priors(X, 3), bg.default_priors(X * factor, 3)
    np.testing.assert_allclose(other.means.location, one.means.location * factor)
    np.testing.assert_allclose(other.means.scale, one.means.scale * factor)
    got = np.exp(other.covariances.sds_log_location)
    np.testing.assert_allclose(got, np.exp(one.covariances.sds_log_location) * factor)
    text = str(bg.default_priors(X, 3))
    for name in ("weights", "correlations", *X.columns):
        assert name in text


def test_posterior_is_proper_when_observations_are_tied(golden):
    """Evidence of the tied pair's component converges as its sd may go to zero.

    With a half-normal prior it grows by log(1 / cutoff) for ever; see the golden file.
    """
    data = np.array(golden("improper_with_ties.json")["data"])[:, None]
    priors = bg.default_priors(data, 2)
    scale = np.exp(priors.covariances.sds_log_location[0])
    prior = stats.lognorm(priors.covariances.sds_log_scale, scale=scale)

    def evidence(cutoff):
        """Integrate a component that sits on the pair at 10.1: Normal(0 | sd)^2."""

        def density(log_sd):
            sd = np.exp(log_sd)
            return prior.pdf(sd) * sd / sd  # n = 2, mean integrated out: 1 / sd

        return integrate.quad(density, np.log(cutoff), np.log(1e3), limit=500)[0]

    assert evidence(1e-8) == pytest.approx(evidence(1e-4), rel=1e-6)
    half_normal = stats.halfnorm(scale=scale)
    growing = [
        integrate.quad(lambda u: half_normal.pdf(np.exp(u)), np.log(c), 5)[0]
        for c in (1e-4, 1e-8)
    ]
    assert growing[1] > 1.5 * growing[0]


REFUSED = [
    (
        {"n_components": 3},
        "`init` must have 3 components, 2 features and covariance type 'full'; "
        "got 2 components, 2 features and 'full'. Fit the EM estimate with the same "
        "settings as the model.",
    ),
    (
        {"covariance_type": "diagonal"},
        "`covariance_type` must be a known name; got 'diagonal'. Did you mean 'diag'? "
        "Choose one of 'full', 'tied', 'diag', 'spherical', 'EII', 'EEI', 'VEI', "
        "'EVI', 'VEE', 'EVE', 'VVE', 'EEV', 'VEV', 'EVV', 'VVV', 'EEE', 'VVI', 'VII', "
        "'E', 'V'.",
    ),
    (
        {"n_components": 0},
        "`n_components` must be a whole number of 1 or more; got 0. "
        "For example `n_components=2`.",
    ),
    (
        {"init": "em"},
        "`init` must be a fitted GaussianMixture or MixtureParameters; got str. "
        "Call `.fit(X)` on it first.",
    ),
    (
        {"sample_weight": [-1.0] + [1.0] * 39},
        "`sample_weight` must be finite and not negative; got -1 at row 0. "
        "Use 0 to leave a row out.",
    ),
]


@pytest.mark.parametrize(("arguments", "text"), REFUSED)
def test_bad_arguments_are_refused(arguments, text):
    X = np.random.default_rng(0).normal(size=(40, 2))
    em = bg.GaussianMixture(2, random_state=0).fit(X)
    settings = {"n_components": 2, "init": em} | arguments
    with pytest.raises(InputError) as refused:
        bg.build_model(X, **settings)
    assert str(refused.value) == text


def test_priors_of_other_features_are_refused(iris):
    priors = bg.default_priors(iris, 2)
    with pytest.raises(InputError, match="`priors` must have the 2 features of `X`"):
        bg.build_model(iris.iloc[:, :2], 2, priors=priors)


@pytest.mark.parametrize("made", ["init", "priors"])
def test_what_was_made_from_other_columns_is_refused(made):
    """The same columns in another order would be taken for each other."""
    X = bg.datasets.load("faithful")
    swapped = X[["waiting", "eruptions"]]
    arguments = {
        "init": lambda: bg.GaussianMixture(2, random_state=0).fit(swapped),
        "priors": lambda: bg.default_priors(swapped, 2),
    }
    with pytest.raises(InputError) as refused:
        bg.build_model(X, 2, **{made: arguments[made]()})
    assert str(refused.value) == (
        f"`{made}` must have the features of `X` (eruptions, waiting); got (waiting, "
        "eruptions). Make it from the same columns in the same order."
    )


def test_priors_of_another_type_are_refused():
    with pytest.raises(InputError, match="`priors` must be Priors; got str"):
        bg.build_model(bg.datasets.load("faithful"), 2, priors="weak")


def test_rows_of_weight_zero_move_no_prior(iris):
    X = iris.iloc[:30, :2].to_numpy()
    with_stranger = np.vstack([X, [1e5, -1e5]])
    weight = np.r_[np.ones(30), 0.0]
    one = bg.default_priors(X, 2)
    other = bg.default_priors(with_stranger, 2, sample_weight=weight)
    for part, name in (
        ("means", "location"),
        ("means", "scale"),
        ("covariances", "sds_log_location"),
    ):
        got, expected = (getattr(getattr(p, part), name) for p in (other, one))
        np.testing.assert_allclose(got, expected, rtol=1e-12)
    weighted = bg.build_model(with_stranger, 2, sample_weight=weight)
    point = random_point(weighted, 0)
    expected = sum(log_density(bg.build_model(X, 2), point))
    assert sum(log_density(weighted, point)) == pytest.approx(expected, rel=1e-10)
