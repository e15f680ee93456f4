"""What is refused at the door, and in which words. All texts were typed by hand."""

# ruff: noqa: E501  a table of sentences

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal

from bayesgmm import GaussianMixture, InputError
from bayesgmm.arguments import check_seed
from bayesgmm.validation import check_table

GOOD = np.random.default_rng(0).normal(size=(20, 2))
FRAME = pd.DataFrame(GOOD, columns=["age", "income"])


def with_cell(value, row=17, column=1):
    X = GOOD.copy()
    X[row, column] = value
    return X


def text_frame():
    return FRAME.assign(city=["Rome"] * 20)


# data, settings, further arguments of fit, message
REFUSED = {
    "no rows": (np.empty((0, 2)), {}, {}, "`X` must have at least one row and one "
        "column; got 0 sample(s) (shape=(0, 2)) while a minimum of 1 is required. Check "
        "that the right file or columns were read."),
    "one dimension": (GOOD[:, 0], {}, {}, "`X` must be two-dimensional; got an array of 1 "
        "dimension. For one feature write `X.reshape(-1, 1)` (Reshape your data)."),
    "three dimensions": (np.zeros((3, 2, 2)), {}, {}, "`X` must be two-dimensional; got "
        "an array of 3 dimensions. Give rows of observations by columns of features."),
    "strings": ([["a", "b"], ["c", "d"]], {}, {}, "`X` must be numeric; got 'a' at row 0, "
        "column 'x0'. Drop text columns or encode them as numbers."),
    "a text column": (text_frame(), {}, {}, "`X` must have numeric columns only; got text, "
        "dates or objects in column 'city'. Drop these columns or encode them as numbers."),
    "a column of durations": (FRAME.assign(seen=pd.to_timedelta(np.arange(20), "s")), {},
        {}, "`X` must have numeric columns only; got text, dates or objects in column "
        "'seen'. Drop these columns or encode them as numbers."),
    "an array of dates": ((10 * GOOD).astype("M8[s]"), {}, {}, "`X` must be numeric; got "
        "dates or durations. Encode them as numbers."),
    "two columns of a name": (FRAME.set_axis(["age", "age"], axis=1), {}, {}, "`X` must "
        "have a different name for every column; got column 'age' 2 times. Rename or drop "
        "columns."),
    "two columns that print alike": (FRAME.set_axis(["1", 1], axis=1), {}, {}, "`X` must "
        "have a different name for every column; got column '1' 2 times. Rename or drop "
        "columns."),
    "no table": ({"age": [1, 2]}, {}, {}, "`X` must be two-dimensional; got a dict. Give "
        "rows of observations by columns of features."),
    "masked": (np.ma.masked_equal(with_cell(99.0), 99.0), {}, {}, "`X` must be finite; "
        "got 1 non-finite values (NaN or inf), the first at row 17, column 'x1'. Drop or "
        'impute these rows, or pass `missing="fiml"`.'),
    "squares that overflow": (np.c_[GOOD, np.arange(20) * 1e145], {}, {}, "`X` must be below 1e+140 "
        "in size, or squares overflow; got 19 larger values, the first at row 1, column 'x2'. "
        "Choose another unit, or drop values that stand for missing ones."),
    "squares that vanish": (np.c_[GOOD, np.arange(20) * 1e-200], {}, {}, "`X` must spread by more than "
        "1e-140 in every column; got 1.9e-199 in column 'x2'. Choose another unit for this column."),
    "nan": (with_cell(np.nan), {}, {}, "`X` must be finite; got 1 non-finite values (NaN "
        "or inf), the first at row 17, column 'x1'. Drop or impute these rows, or pass "
        '`missing="fiml"`.'),
    "a sign for missing": (with_cell(-1e300), {}, {}, "`X` must be below 1e+140 in size, or "
        "squares overflow; got 1 larger values, the first at row 17, column 'x1'. Choose "
        "another unit, or drop values that stand for missing ones."),
    "inf in a frame": (pd.DataFrame(with_cell(-np.inf, 3, 0), columns=["age", "income"]),
        {}, {}, "`X` must be finite; got 1 non-finite values (NaN or inf), the first at "
        "row 3, column 'age'. Drop or impute these rows."),
    "ragged rows": ([[1.0, 2.0], [3.0]], {}, {}, "`X` must be rectangular; got rows of "
        "different lengths. Pad or drop rows."),
    "sparse": (scipy.sparse.csr_matrix(GOOD), {}, {}, "`X` must be dense; got a sparse "
        "matrix. Call `.toarray()` on it first."),
    "complex": (GOOD + 1j, {}, {}, "`X` must be real; got complex numbers. Complex data "
        "not supported: split them into two columns."),
    "a constant column": (FRAME.assign(income=7.0), {}, {}, "`X` must vary in every "
        "column; got the constant 7 in column 'income'. Drop this column: it tells no "
        "groups apart."),
    "few rows": (GOOD[:3], {"n_components": 4}, {}, "`X` must have at least 4 rows for "
        "`n_components`=4; got 3 samples. Expected n_samples >= n_components: lower "
        "`n_components` or add rows."),
    "one row": (GOOD[:1], {}, {}, "`X` must have at least 2 rows for `n_components`=1; "
        "got 1 sample. Expected n_samples >= n_components: lower `n_components` or add "
        "rows."),
    "few distinct rows": (np.repeat(GOOD[:3], 5, axis=0), {"n_components": 4}, {}, "`X` "
        "must have at least `n_components`=4 distinct rows; got 3 distinct rows. Lower "
        "`n_components` to 3 or less. (Fitting the mixture model failed because some "
        "components have ill-defined empirical covariance (for instance caused by "
        "singleton or collapsed samples). Try to decrease the number of components, "
        "increase reg_covar, or scale the input data.)"),
    "few rows of weight": (GOOD, {"n_components": 3}, {"sample_weight": np.eye(20)[0]},
        "`X` must have at least 3 rows for `n_components`=3; got 1 sample. Expected "
        "n_samples >= n_components: lower `n_components` or add rows."),
    "negative weight": (GOOD, {}, {"sample_weight": np.where(np.arange(20) == 4, -1, 1)},
        "`sample_weight` must be finite and not negative; got -1 at row 4. Use 0 to leave "
        "a row out."),
    "nan weight": (GOOD, {}, {"sample_weight": np.full(20, np.nan)}, "`sample_weight` "
        "must be finite and not negative; got nan at row 0. Use 0 to leave a row out."),
    "zero weights": (GOOD, {}, {"sample_weight": np.zeros(20)}, "`sample_weight` must be "
        "positive for some row; got zeros only. Omit it for equal weights."),
    "weights of another length": (GOOD, {}, {"sample_weight": np.ones(3)},
        "`sample_weight` must have one entry a row of `X`, shape (20,); got shape (3,). "
        "Give one weight for every observation."),
    "unknown covariance type": (GOOD, {"covariance_type": "diagonal"}, {},
        "`covariance_type` must be a known name; got 'diagonal'. Did you mean 'diag'? "
        "Choose one of 'full', 'tied', 'diag', 'spherical', 'EII', 'EEI', 'VEI', 'EVI', 'VEE', "
        "'EVE', 'VVE', 'EEV', 'VEV', 'EVV', 'VVV', 'EEE', 'VVI', 'VII', "
        "'E', 'V'."),
    "unknown start": (GOOD, {"init_params": "k-mean"}, {}, "`init_params` must be a known "
        "name; got 'k-mean'. Did you mean 'kmeans'? Choose one of 'k-means++', 'kmeans', "
        "'random', 'random_from_data', 'hierarchical', 'small_em', 'annealing'."),
    "no components": (GOOD, {"n_components": 0}, {}, "`n_components` must be a whole "
        "number of 1 or more; got 0. For example `n_components=2`."),
    "components in halves": (GOOD, {"n_components": 2.5}, {}, "`n_components` must be a "
        "whole number of 1 or more; got 2.5. For example `n_components=2`."),
    "components as a truth": (GOOD, {"n_components": True}, {}, "`n_components` must be a "
        "whole number of 1 or more; got True. For example `n_components=2`."),
    "no starts": (GOOD, {"n_init": 0}, {}, "`n_init` must be a whole number of 1 or more; "
        "got 0. For example `n_init=2`."),
    "negative max_iter": (GOOD, {"max_iter": -1}, {}, "`max_iter` must be a whole number "
        "of 0 or more; got -1. For example `max_iter=2`."),
    "negative tol": (GOOD, {"tol": -1e-3}, {}, "`tol` must be None or a number of 0 or "
        "more; got -0.001. Give one such number."),
    "tol as text": (GOOD, {"tol": "small"}, {}, "`tol` must be None or a number of 0 or "
        "more; got 'small'. Give one such number."),
    "negative reg_covar": (GOOD, {"reg_covar": -1.0}, {}, "`reg_covar` must be a number "
        "of 0 or more; got -1.0. Give one such number."),
    "nan reg_covar": (GOOD, {"reg_covar": np.nan}, {}, "`reg_covar` must be a number of 0 "
        "or more; got nan. Give one such number."),
    "starting weights": (GOOD, {"n_components": 2, "weights_init": [0.5, 0.6]}, {},
        "`weights_init` must be non-negative and sum to 1; got a smallest weight of 0.5 "
        "and a sum of 1.1. Divide them by their sum."),
    "starting means": (GOOD, {"n_components": 2, "means_init": [[0.0, 1.0]]}, {},
        "`means_init` must be finite numbers of shape (2, 2); got shape (1, 2). Give one "
        "entry for every component, in the shape of the attribute. (The parameter "
        "'means' should have the shape of (2, 2), but got (1, 2).)"),
    "starting precisions": (GOOD, {"n_components": 2, "precisions_init": [np.eye(2),
        -np.eye(2)]}, {}, "`precisions_init` must be symmetric and positive definite; got "
        "a precision that is not, for component 1. Invert covariances of the data to get "
        "precisions. (The parameter 'full precision' should be symmetric, "
        "positive-definite.)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_before_anything_is_computed(name, monkeypatch):
    X, settings, further, message = REFUSED[name]

    monkeypatch.setattr("bayesgmm.fitting.run_through", None)  # calling it would fail
    em = GaussianMixture(**settings)
    with pytest.raises(InputError) as caught:
        em.fit(X, **further)
    assert str(caught.value) == message
    assert not hasattr(em, "parameters_")


NOT_PREDICTED = {
    "other columns": (FRAME.rename(columns={"age": "years"}), "`X` must have the columns "
        "of the fit (age, income); got (years, income). Select these columns in this "
        "order."),
    "another order": (FRAME[["income", "age"]], "`X` must have the columns of the fit "
        "(age, income); got (income, age). Select these columns in this order."),
    "too few": (GOOD[:, :1], "`X` must have the 2 features of the fit (age, income); got "
        "1. Pass the same columns in the same order (X has 1 features, but "
        "GaussianMixture is expecting 2 features as input)."),
    "nan": (with_cell(np.nan), "`X` must be finite; got 1 non-finite values (NaN or inf), "
        "the first at row 17, column 'x1'. Drop or impute these rows, or pass "
        '`missing="fiml"`.'),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_PREDICTED)
@pytest.mark.parametrize("method", ["predict", "predict_proba", "score_samples", "bic"])
def test_bad_input_is_refused_after_a_fit(name, method):
    X, message = NOT_PREDICTED[name]
    em = GaussianMixture(1).fit(FRAME)
    with pytest.raises(InputError) as caught:
        getattr(em, method)(X)
    assert str(caught.value) == message


def test_no_rows_are_asked_of_a_fit():
    em = GaussianMixture(1).fit(GOOD)
    with pytest.raises(
        InputError, match="`n_samples` must be a whole number of 1 or more"
    ):
        em.sample(0)


def test_with_reg_covar_equal_rows_and_more_columns_than_rows_are_allowed():
    few = np.repeat(GOOD[:2], 5, axis=0)
    em = GaussianMixture(3, reg_covar=1e-3, random_state=0, max_iter=100).fit(few)
    assert np.isfinite(em.log_likelihood_)
    wide = np.random.default_rng(1).normal(size=(4, 6))
    assert np.isfinite(GaussianMixture(1, reg_covar=0.1).fit(wide).log_likelihood_)


def test_unnamed_rows_may_be_predicted_by_a_named_fit():
    em = GaussianMixture(1).fit(FRAME)
    assert_array_equal(em.score_samples(GOOD), em.score_samples(FRAME))


def test_a_table_keeps_names_and_index():
    table = check_table(FRAME.set_axis([f"id{i}" for i in range(20)]))
    assert table.feature_names == ("age", "income")
    assert table.obs_ids[3] == "id3"
    assert table.named
    assert table.values.flags.c_contiguous
    assert_array_equal(table.values, GOOD)


@pytest.mark.parametrize(
    ("index", "third"),
    [
        (pd.MultiIndex.from_product([range(10), ["a", "b"]]), "1, a"),
        (pd.period_range("2020-01-01", periods=20, freq="D"), "2020-01-03"),
        (pd.date_range("2020", periods=20, tz="UTC"), "2020-01-03 00:00:00+00:00"),
        (pd.Index(["a", *range(19)]), "1"),
    ],
)
def test_an_index_that_no_file_can_hold_becomes_text(index, third):
    obs_ids = check_table(FRAME.set_axis(index)).obs_ids
    assert obs_ids.shape == (20,)
    assert obs_ids[2] == third
    assert all(isinstance(each, str) for each in obs_ids)


def test_a_plain_index_stays_as_it_is():
    for index in (pd.date_range("2020", periods=20), pd.RangeIndex(5, 25)):
        assert_array_equal(check_table(FRAME.set_axis(index)).obs_ids, index)


def test_seeds_that_no_generator_takes_are_refused():
    assert check_seed(2**32 - 1) == 2**32 - 1
    message = "`random_seed` must be at most 4294967295; got 4294967296. Choose a"
    with pytest.raises(InputError, match=message):
        check_seed(2**32)


def test_large_finite_numbers_are_finite():
    assert check_table(np.array([[1e140, 1.0], [1e140, 2.0]])).n_observations == 2


def test_errors_survive_pickle():
    error = InputError("X", "be finite", "NaN", "Drop it.")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) == "`X` must be finite; got NaN. Drop it."
    assert isinstance(again, ValueError)
