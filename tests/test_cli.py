"""The command line: what it passes on, what it prints, how it ends."""

import json
import subprocess
import sys
import warnings
from inspect import signature
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
import tiffs
import xarray as xr
from made_up import faithful_parameters, made_up_analysis
from PIL import Image
from typer.testing import CliRunner

from bayesgmm import GaussianMixture, datasets
from bayesgmm.cli import COMMANDS, app
from bayesgmm.errors import InputError, PosteriorWarning
from bayesgmm.files import save_analysis


@pytest.fixture(scope="module")
def analysis():
    return made_up_analysis(datasets.load("faithful"), faithful_parameters())


@pytest.fixture
def fitted(monkeypatch, analysis):
    """Stand in for `pipeline.fit`; return the list of its calls."""
    calls = []

    def fit(X, **settings):
        calls.append((X, settings))
        saving = {"save": lambda folder: (folder / "report.html").write_text("")}
        return SimpleNamespace(**vars(analysis), **saving)

    monkeypatch.setitem(sys.modules, "bayesgmm.pipeline", SimpleNamespace(fit=fit))
    return calls


@pytest.fixture
def fitted_raises(monkeypatch):
    """Let `pipeline.fit` raise what the returned function is given."""

    def prepare(error):
        stand_in = SimpleNamespace(fit=Mock(side_effect=error))
        monkeypatch.setitem(sys.modules, "bayesgmm.pipeline", stand_in)

    return prepare


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "data.csv"
    datasets.load("faithful").to_csv(path, index=False)
    return path


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_demo_fits_two_groups_and_says_where_the_report_is(fitted, tmp_path):
    result = run("demo", "--out", tmp_path / "demo")
    assert result.exit_code == 0, result.output
    X, settings = fitted[0]
    assert X.shape == (272, 2)
    assert settings["n_components"] == 2
    assert "Chains agree" in result.output
    assert "EM against the posterior" in result.output
    assert (tmp_path / "demo" / "report.html").exists()
    assert str(tmp_path / "demo" / "report.html") in result.output


def test_fit_passes_everything_on(fitted, table, tmp_path):
    options = ["-k", "1-3", "-o", tmp_path / "out", "--covariance-type", "tied"]
    options += [
        "--n-refits",
        "5",
        "--method",
        "gibbs",
        "--seed",
        "7",
        "--draws",
        "50",
        "--chains",
        "2",
    ]
    options += ["--columns", "waiting", "--prior", "default", "--missing", "fiml"]
    result = run("fit", table, *options)
    assert result.exit_code == 0, result.output
    X, settings = fitted[0]
    assert X.columns.tolist() == ["waiting"]
    assert settings.pop("progress") is False
    assert settings == {
        "n_components": range(1, 4),
        "covariance_type": "tied",
        "prior": "default",
        "missing": "fiml",
        "method": "gibbs",
        "describe": None,
        "n_refits": 5,
        "random_seed": 7,
        "draws": 50,
        "chains": 2,
    }


def test_one_number_of_groups_stays_a_number(fitted, table, tmp_path):
    run("fit", table, "-k", "3", "-o", tmp_path)
    assert fitted[0][1]["n_components"] == 3


def test_defaults_are_those_of_the_function(fitted, table, tmp_path, monkeypatch):
    run("fit", table, "-k", "3", "-o", tmp_path)
    monkeypatch.undo()
    from bayesgmm.pipeline import fit

    defaults = {name: p.default for name, p in signature(fit).parameters.items()}
    passed = {k: v for k, v in fitted[0][1].items() if k not in {"n_components"}}
    assert passed == {name: defaults[name] for name in passed} | {"progress": False}


@pytest.mark.parametrize("groups", ["0", "x", "3-1", "1-", "-2", "1.5", "2-x", ""])
def test_a_wrong_number_of_groups_is_refused(fitted, table, tmp_path, groups):
    result = run("fit", table, f"--n-components={groups}", "-o", tmp_path)
    assert result.exit_code == 2
    assert "For example `-k 3` or `-k 1-6`" in result.stderr
    assert fitted == []


def test_refused_input_is_one_line_and_exit_code_two(fitted, tmp_path):
    result = run("fit", tmp_path / "nowhere.csv", "-k", "2", "-o", tmp_path)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "be a file that exists" in result.stderr
    assert fitted == []


def test_an_unwritable_folder_is_refused_before_fitting(fitted, table):
    result = run("fit", table, "-k", "2", "-o", table)
    assert result.exit_code == 2
    assert "`--out` must be a folder that can be written to" in result.stderr
    assert fitted == []


def test_an_error_of_the_fit_is_one_line(fitted_raises, table, tmp_path):
    fitted_raises(InputError("X", "be finite", "2 NaN", "Drop these rows."))
    result = run("fit", table, "-k", "2", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr == "Error: `X` must be finite; got 2 NaN. Drop these rows.\n"


def test_arguments_that_help_are_written_as_options(fitted_raises, table, tmp_path):
    advice = "Use `missing=\"fiml\"`, `covariance_type='diag'` or `reg_covar=1`."
    fitted_raises(InputError("X", "be finite", "2 NaN", advice))
    result = run("fit", table, "-k", "2", "-o", tmp_path / "out")
    options = "Use `--missing fiml`, `--covariance-type diag` or `reg_covar=1`."
    assert result.stderr == f"Error: `X` must be finite; got 2 NaN. {options}\n"


def test_interrupted_is_exit_code_130(fitted_raises, table, tmp_path):
    fitted_raises(KeyboardInterrupt())
    result = run("fit", table, "-k", "2", "-o", tmp_path / "out")
    assert result.exit_code == 130
    assert result.stderr == "Interrupted.\n"


def test_unknown_covariance_type_names_the_nearest(table, tmp_path):
    """The real `fit` refuses it before anything is computed."""
    options = ["-k", "2", "-o", tmp_path / "out", "--covariance-type", "ful"]
    result = run("fit", table, *options)
    assert result.exit_code == 2
    assert "Did you mean 'full'?" in result.stderr


def test_logarithms_are_fitted_and_what_they_are_of_is_described(
    fitted, table, tmp_path
):
    options = ["-k", "2", "-o", tmp_path / "out", "--columns", "log waiting,eruptions"]
    result = run("fit", table, *options)
    assert result.exit_code == 0, result.output
    X, settings = fitted[0]
    raw = datasets.load("faithful")
    assert X.columns.tolist() == ["log waiting", "eruptions"]
    np.testing.assert_allclose(X["log waiting"], np.log(raw["waiting"]))
    assert settings["describe"].equals(raw[["waiting", "eruptions"]])


def test_other_columns_are_described_by_name(fitted, table, tmp_path):
    options = ["-k", "2", "-o", tmp_path / "out", "--columns", "waiting"]
    run("fit", table, *options, "--describe", "eruptions")
    assert fitted[0][1]["describe"].columns.tolist() == ["eruptions"]
    result = run("fit", table, *options, "--describe", "eruption")
    assert result.exit_code == 2
    assert "`--describe` must name columns of data.csv" in result.stderr


def test_rows_are_named_by_a_column(fitted, tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("who,a\nann,1\nbob,2\n")
    run("fit", path, "-k", "1", "-o", tmp_path / "out", "--rows", "who")
    assert fitted[0][0].index.tolist() == ["ann", "bob"]
    assert fitted[0][0].columns.tolist() == ["a"]


def test_a_logarithm_of_nothing_is_refused(fitted, tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("a\n1\n0\n-1\n")
    result = run("fit", path, "-k", "1", "-o", tmp_path, "--columns", "log a")
    assert result.exit_code == 2
    assert "got 0 in column 'a', row 1, and in 2 rows altogether" in result.stderr
    assert fitted == []


@pytest.mark.usefixtures("fitted")
def test_quiet_prints_nothing_and_json_one_object(table, tmp_path):
    options = ["fit", table, "-k", "2", "-o", tmp_path / "out"]
    assert run(*options, "--quiet").output == ""
    found = json.loads(run(*options, "--json").output)
    assert found["verdict"] == "CHAINS_AGREE"
    assert found["folder"] == str(tmp_path / "out")
    shares = [x for x in found["groups"] if x["quantity"] == "share"]
    assert [x["component"] for x in shares] == [0, 1]
    assert sum(x["mean"] for x in shares) == pytest.approx(1.0)


def test_a_demo_of_other_data_chooses_their_number_of_groups(fitted, tmp_path):
    run("demo", "--dataset", "iris", "-o", tmp_path, "--seed", "3")
    X, settings = fitted[0]
    assert X.shape == (150, 4)
    assert settings["n_components"] == range(1, 7)
    assert settings["random_seed"] == 3
    run("demo", "--dataset", "iris", "-k", "3", "-o", tmp_path)
    assert fitted[1][1]["n_components"] == 3
    result = run("demo", "--dataset", "irises", "-o", tmp_path)
    assert result.exit_code == 2
    assert "Did you mean 'iris'?" in result.stderr


def test_warnings_are_lines_without_places_in_code(table, tmp_path, monkeypatch):
    def warn(*_, **__):
        warnings.warn("Chains are short.", PosteriorWarning, stacklevel=2)
        raise InputError("X", "be finite", "2 NaN", "Drop these rows.")

    monkeypatch.setitem(sys.modules, "bayesgmm.pipeline", SimpleNamespace(fit=warn))
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        result = run("fit", table, "-k", "2", "-o", tmp_path / "out")
    assert result.stderr.splitlines()[0] == "Warning: Chains are short."


@pytest.fixture(scope="module")
def best(tmp_path_factory):
    folder = tmp_path_factory.mktemp("select")
    data, out = folder / "data.csv", folder / "best.json"
    datasets.load("faithful").to_csv(data, index=False)
    families = ["--covariance-type", "EEE,VVV"]
    command = ["select", data, "-k", "1-3", *families, "--seed", "0", "--json"]
    return run(*command, "-o", out), out, data


class TestSelect:
    def test_the_table_has_every_mixture_and_the_best_is_mclusts(self, best):
        result, _, _ = best
        assert result.exit_code == 0, result.output
        found = json.loads(result.stdout)
        assert found["best"] == [3, "EEE"]
        assert len(found["table"]) == 6
        assert found["table"][0]["n_components"] == 1

    def test_the_best_fit_labels_rows(self, best, tmp_path):
        """Its file can be read, and gives the labels that the estimator gives."""
        _, fit, data = best
        result = run("predict", fit, data, "-o", tmp_path / "labels.csv")
        assert result.exit_code == 0, result.output
        labels = pd.read_csv(tmp_path / "labels.csv", index_col=0)
        em = GaussianMixture.load(fit)
        expected = em.predict(datasets.load("faithful"))
        np.testing.assert_array_equal(labels["label"], expected)
        np.testing.assert_allclose(labels.filter(like="probability").sum(axis=1), 1.0)
        assert f"{(expected == 0).sum():,} rows in group 0" in result.output

    def test_unknown_criteria_and_families_are_refused(self, table):
        for option in (["--criterion", "bica"], ["--covariance-type", "VVV,VVX"]):
            result = run("select", table, *option)
            assert result.exit_code == 2
            assert "Did you mean" in result.stderr


@pytest.fixture(scope="module")
def folder(analysis, tmp_path_factory):
    """Two groups of Old Faithful, with the data that `load` reads."""
    X = datasets.load("faithful")
    posterior = analysis.posterior.copy()
    rows = (("obs_id", "feature"), X.to_numpy())
    posterior["observed_data"] = xr.Dataset(
        {"x": rows}, {"obs_id": X.index.to_numpy(), "feature": list(X)}
    )
    settings = {"n_components": 2, "covariance_type": "full", "method": "nuts"}
    whole = vars(analysis) | {"posterior": posterior, "settings": settings}
    return save_analysis(SimpleNamespace(**whole), tmp_path_factory.mktemp("fit"))


class TestSavedFits:
    def test_a_report_is_written_again(self, folder, tmp_path):
        result = run("report", folder, "-o", tmp_path / "deep" / "again.html")
        assert result.exit_code == 0, result.output
        page = (tmp_path / "deep" / "again.html").read_text("utf-8")
        assert "2 groups in 272 rows of eruptions, waiting" in page

    def test_em_and_posterior_are_compared(self, folder, analysis):
        found = json.loads(run("compare", folder, "--json").output)
        assert found["agreement"] == analysis.comparison.agreement
        assert len(found["parameters"]) == 12

    def test_new_rows_are_labelled_by_the_posterior(self, folder, analysis, tmp_path):
        data = tmp_path / "new.csv"
        datasets.load("faithful").iloc[:5].assign(name="x").to_csv(data, index=False)
        result = run("predict", folder, data, "-o", tmp_path / "l.parquet", "--json")
        assert result.exit_code == 0, result.output
        labels = pd.read_parquet(tmp_path / "l.parquet")
        expected = analysis.membership["label"].values[:5]
        np.testing.assert_array_equal(labels["label"], expected)
        assert labels["name"].tolist() == [f"group {k}" for k in expected]
        assert sum(json.loads(result.stdout)["rows"].values()) == 5

    @pytest.mark.parametrize(
        ("command", "message"),
        [
            (["report", "nowhere"], "be a folder with em.json, posterior.nc and"),
            (["compare", "nowhere"], "be a folder with em.json, posterior.nc and"),
            (["predict", "nowhere", "DATA", "-o", "l.csv"], "end in .json or .nc"),
            (["predict", "no.nc", "DATA", "-o", "l.csv"], "be a NetCDF file of draws"),
            (["predict", "no.json", "DATA", "-o", "l.csv"], "be a file that can be"),
            (["predict", "FIT", "DATA", "-o", "l.txt"], "end in .csv, .parquet, .pq"),
            (["predict", "FIT", "no.csv", "-o", "l.csv"], "be a file that exists"),
        ],
    )
    def test_what_cannot_be_used_is_one_line(
        self, folder, table, tmp_path, monkeypatch, command, message
    ):
        monkeypatch.chdir(tmp_path)
        known = {"DATA": table, "FIT": folder}
        result = run(*(known.get(word, word) for word in command))
        assert result.exit_code == 2
        assert len(result.stderr.splitlines()) == 1
        assert message in result.stderr


class TestSegment:
    @pytest.fixture
    def photo(self, tmp_path):
        """Dark left, bright right, a clear corner, and a little noise."""
        grey = np.random.default_rng(1).integers(0, 9, (20, 30)).astype(np.uint8)
        grey[:, 12:] += 200
        clear = np.full_like(grey, 255)
        clear[:2, :2] = 0
        path = tmp_path / "photo.png"
        Image.fromarray(np.stack([grey, clear], axis=-1), "LA").save(path)
        return path

    def test_an_image_becomes_an_image_of_labels(self, photo, tmp_path):
        out = tmp_path / "labels.png"
        result = run("segment", photo, "-k", "2", "-o", out, "--seed", "1", "--json")
        assert result.exit_code == 0, result.output
        with Image.open(out) as image:
            label = np.asarray(image)
            colours = np.asarray(image.convert("RGBA"))
        assert (label[:, 12:] == 0).all()
        assert (label[2:, :12] == 1).all()
        assert (colours[:2, :2, 3] == 0).all()
        assert (colours[5, 20] == [0x00, 0x72, 0xB2, 255]).all()
        pixels = json.loads(result.stdout)["pixels"]
        assert pixels == {"missing": 4, "group 0": 360, "group 1": 236}

    def test_a_scene_is_segmented_by_a_fit_in_a_file(self, tmp_path):
        """Bands by name; all maps are in the file, on the scene's coordinates."""
        values = np.random.default_rng(2).normal(size=(2, 6, 8))
        values[:, :, 4:] += 10
        coords = {"band": ["red", "nir"], "y": np.arange(6.0), "x": np.arange(8.0)}
        scene = xr.DataArray(values, coords, name="reflectance")
        scene.to_netcdf(tmp_path / "scene.nc", engine="h5netcdf")
        table = pd.DataFrame(values.reshape(2, -1).T, columns=["red", "nir"])
        em = GaussianMixture(2, covariance_type="EII", random_state=0).fit(table)
        em.rename(["field", "wood"]).save(tmp_path / "em.json")
        out = tmp_path / "segments.nc"
        options = ["--by", tmp_path / "em.json", "--feature-dim", "band", "-o", out]
        result = run("segment", tmp_path / "scene.nc", *options)
        assert result.exit_code == 0, result.output
        assert "24 pixels in field" in result.output
        assert "24 pixels in wood" in result.output
        with xr.open_dataset(out, engine="h5netcdf") as segments:
            np.testing.assert_array_equal(segments["x"], scene["x"])
            halves = segments["label"].values.astype(int)
            assert segments["label"].attrs["flag_meanings"] == "field wood"
        expected = em.predict(table).reshape(6, 8)
        np.testing.assert_array_equal(halves, expected)

    def test_a_dimension_called_feature_needs_no_option(self, tmp_path):
        """Wherever it is among the dimensions."""
        values = np.random.default_rng(2).normal(size=(2, 6, 8))
        values[:, :, 4:] += 10
        scene = xr.DataArray(values, dims=("feature", "y", "x"), name="reflectance")
        scene.to_netcdf(tmp_path / "scene.nc", engine="h5netcdf")
        options = ["-k", "2", "--covariance-type", "EII", "-o", tmp_path / "s.png"]
        result = run("segment", tmp_path / "scene.nc", *options, "--seed", "0")
        assert result.exit_code == 0, result.output
        assert result.output.count("24 pixels in group") == 2

    @pytest.mark.parametrize("name", ["l.tif", "l.png"])
    def test_places_are_kept_where_a_file_can_hold_them(self, name, tmp_path):
        """A scene whose black is equal pixels, which a prior keeps from collapsing."""
        values = np.random.default_rng(1).integers(90, 200, (20, 30, 2))
        values[:, :12] = 0
        corner = (33922, tiffs.DOUBLE, [0, 0, 0, 500.0, 900.0, 0])
        step = (33550, tiffs.DOUBLE, [10.0, 10.0, 0.0])
        tiffs.write(tmp_path / "s.tif", values.astype("u2"), more=[corner, step])
        options = ["-k", "2", "--prior", "default", "-o", tmp_path / name]
        result = run("segment", tmp_path / "s.tif", *options)
        assert result.exit_code == 0, result.output
        assert "240 pixels in group 1" in result.output
        assert result.stderr == ""
        with Image.open(tmp_path / name) as image:
            np.testing.assert_array_equal(image, values[..., 0] == 0)
            tags = getattr(image, "tag_v2", {})
        assert (34264 in tags) == (name == "l.tif")
        assert ("holds no coordinates" in result.output) == (name == "l.png")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["-o", "l.png"], "`--by` must be given, or `-k`, and not both"),
            (["-o", "l.png", "-k", "2", "--by", "x.nc"], "got both"),
            (["-o", "l.png", "-k", "1-3"], "be one number for a scene"),
            (["-o", "l.jpg", "-k", "2"], "end in .nc, .zarr, .png"),
            (["-o", "l.png", "--by", "no.nc"], "be a NetCDF file of draws"),
        ],
    )
    def test_what_cannot_be_done_is_one_line(
        self, photo, monkeypatch, options, message
    ):
        monkeypatch.chdir(photo.parent)
        result = run("segment", photo, *options)
        assert result.exit_code == 2
        assert len(result.stderr.splitlines()) == 1
        assert message in result.stderr

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("s.png", None, "be a file that exists"),
            ("s.png", "nonsense", "be a readable .png file"),
            ("s.nc", "nonsense", "be a readable .nc file"),
            ("s.jp2", "nonsense", "`SCENE` must end in .png, .jpg"),
        ],
    )
    def test_what_is_no_scene_is_one_line(self, tmp_path, name, content, message):
        if content is not None:
            (tmp_path / name).write_text(content)
        out = tmp_path / "l.png"
        result = run("segment", tmp_path / name, "-k", "2", "-o", out)
        assert result.exit_code == 2
        assert len(result.stderr.splitlines()) == 1
        assert message in result.stderr


def test_datasets_are_listed():
    result = run("datasets")
    assert result.exit_code == 0
    assert all(name in result.output for name in datasets.names())


def test_version():
    import bayesgmm

    assert run("--version").output.strip() == f"bayesgmm {bayesgmm.__version__}"


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help(command):
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from bayesgmm.cli import main; sys.argv = ['bayesgmm', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = ('numba', 'pymc', 'matplotlib', 'pandas', 'sklearn', 'xarray')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "[]"
