"""A fit on disk is the fit, to the last digit."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn.exceptions import NotFittedError

import bayesgmm
from bayesgmm import GaussianMixture, InputError, datasets
from bayesgmm.covariances import FAMILIES


@pytest.fixture(scope="module")
def faithful():
    return datasets.load("faithful")


def saved_and_loaded(em, folder):
    return GaussianMixture.load(em.save(folder / "fit.json"))


def assert_same(a, b):
    """Compare all that two estimators hold, whatever it is."""
    assert type(a) is type(b)
    if isinstance(a, pd.DataFrame):
        assert_frame_equal(a, b)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        assert_array_equal(a, b)
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    elif hasattr(a, "__dataclass_fields__"):
        for name in a.__dataclass_fields__:
            assert_same(getattr(a, name), getattr(b, name))
    else:
        assert a == b


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_everything_comes_back(covariance_type, faithful, tmp_path):
    em = GaussianMixture(
        3, covariance_type=covariance_type, n_init=3, random_state=0
    ).fit(faithful)
    again = saved_and_loaded(em, tmp_path)
    assert vars(em).keys() == vars(again).keys()
    for name, value in vars(em).items():
        assert_same(value, vars(again)[name])
    assert again.summary() == em.summary()
    assert_array_equal(again.predict_proba(faithful), em.predict_proba(faithful))
    assert_array_equal(again.sample(5)[0], em.sample(5)[0])
    assert again.restarts_.best is again.restarts_.optima[0].run
    assert again.parameters_ is again.restarts_.best.parameters


FITS = {
    "names": lambda X: GaussianMixture(2, random_state=0).fit(X).rename({0: "long"}),
    "no names": lambda X: GaussianMixture(2, random_state=0).fit(X.to_numpy()),
    "start": lambda X: GaussianMixture(2, max_iter=0, means_init=X.iloc[:2]).fit(X),
    "arrays": lambda X: GaussianMixture(
        2, means_init=X.to_numpy()[:2], weights_init=np.array([0.5, 0.5])
    ).fit(X),
    "tolerance": lambda X: GaussianMixture(2, tol=np.float32(1e-3)).fit(X),
    "collapsed": lambda X: GaussianMixture(60, n_init=2, random_state=0).fit(X),
    "weights": lambda X: GaussianMixture(2).fit(X, sample_weight=np.arange(272) % 3),
    "prior": lambda X: GaussianMixture(2, prior=bayesgmm.conjugate_prior(X, 2)).fit(X),
    "held": lambda X: GaussianMixture(2, prior="default", fixed_weights="equal").fit(X),
    "parameters": lambda X: GaussianMixture.from_parameters(
        GaussianMixture(2).fit(X).marginal([1, 0])
    ),
}


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_every_kind_of_fit_can_be_saved(fit, faithful, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        em = fit(faithful)
    again = saved_and_loaded(em, tmp_path)
    for name, value in vars(em).items():
        plain = value.item() if isinstance(value, np.generic) else value
        assert_same(plain, vars(again)[name])
    assert again.summary() == em.summary()


def test_a_loaded_fit_goes_on(faithful, tmp_path):
    with pytest.warns(bayesgmm.errors.ConvergenceWarning):
        em = GaussianMixture(3, max_iter=4, n_init=1, random_state=0).fit(faithful)
    again = saved_and_loaded(em, tmp_path)
    for each in (em, again):
        each.set_params(warm_start=True, max_iter=1000).fit(faithful)
    assert again.converged_
    assert_array_equal(again.means_, em.means_)


def test_the_file_can_be_read_without_us(faithful, tmp_path):
    em = GaussianMixture(2, random_state=0).fit(faithful)
    content = json.loads(em.save(str(tmp_path / "fit.json")).read_text())
    assert content["format_version"] == 1
    assert content["bayesgmm"] == bayesgmm.__version__
    assert content["settings"]["n_components"] == 2
    parameters = content["fitted"]["parameters_"]
    assert parameters["weights"] == em.weights_.tolist()
    assert parameters["feature_names"] == ["eruptions", "waiting"]
    assert content["fitted"]["status_"] == {"kind": "Status", "name": "CONVERGED"}
    assert next(iter(content["fitted"])) == "parameters_"


def test_what_no_file_holds_is_refused(faithful, tmp_path):
    em = GaussianMixture(2, n_init=1).fit(faithful)
    em.random_state = np.random.RandomState(0)
    with pytest.raises(InputError) as error:
        em.save(tmp_path / "fit.json")
    assert str(error.value) == (
        "`random_state` must be a number, a text, or an array of them, to be saved; "
        "got RandomState. Use `em.set_params(random_state=...)` before saving."
    )
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(NotFittedError):
        GaussianMixture().save(tmp_path / "fit.json")


def test_a_place_that_cannot_be_written_is_refused(faithful, tmp_path):
    (tmp_path / "file").write_text("")
    em = GaussianMixture(2, n_init=1).fit(faithful)
    with pytest.raises(InputError, match="`path` must be a folder that can be written"):
        em.save(tmp_path / "file" / "fit.json")


BROKEN = {
    "another format": ('{"format": "other"}', "that `GaussianMixture.save` wrote"),
    "no JSON": ("weights,means", "that `GaussianMixture.save` wrote"),
    "a list": ("[1, 2]", "that `GaussianMixture.save` wrote"),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN)
def test_other_files_are_refused(text, message, tmp_path):
    (tmp_path / "fit.json").write_text(text)
    with pytest.raises(InputError) as error:
        GaussianMixture.load(tmp_path / "fit.json")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: c.update(format_version=2, bayesgmm="9.0"),
            "got version 2, written",
        ),
        (lambda c: c["fitted"].pop("parameters_"), "missing or wrong"),
        (lambda c: c.pop("settings"), "missing or wrong ('settings')"),
        (lambda c: c["settings"].update(magic=1), "unexpected keyword argument"),
        (lambda c: c["fitted"].update(x={"kind": "os.system"}), "('os.system')"),
        (lambda c: c["fitted"]["parameters_"].pop("weights"), "('weights')"),
    ],
)
def test_newer_and_damaged_files_are_refused(change, message, faithful, tmp_path):
    em = GaussianMixture(2, n_init=1).fit(faithful)
    path = em.save(tmp_path / "fit.json")
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(InputError) as error:
        GaussianMixture.load(path)
    assert message in str(error.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="`path` must be a file that can be read"):
        GaussianMixture.load(tmp_path / "no.json")
