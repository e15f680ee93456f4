"""The command line: what it passes on, what it prints, how it ends."""

import subprocess
import sys
from inspect import signature
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from made_up import faithful_parameters, made_up_analysis
from typer.testing import CliRunner

from bayesgmm import datasets
from bayesgmm.cli import app
from bayesgmm.errors import InputError
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
        saving = {"save": lambda folder: save_analysis(analysis, folder)}
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
        "--method",
        "gibbs",
        "--seed",
        "7",
        "--draws",
        "50",
        "--chains",
        "2",
        "--columns",
        "waiting",
    ]
    result = run("fit", table, *options)
    assert result.exit_code == 0, result.output
    X, settings = fitted[0]
    assert X.columns.tolist() == ["waiting"]
    assert settings.pop("progress") is False
    assert settings == {
        "n_components": range(1, 4),
        "covariance_type": "tied",
        "method": "gibbs",
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


def test_datasets_are_listed():
    result = run("datasets")
    assert result.exit_code == 0
    assert all(name in result.output for name in datasets.names())


def test_version():
    import bayesgmm

    assert run("--version").output.strip() == f"bayesgmm {bayesgmm.__version__}"


@pytest.mark.parametrize("command", [[], ["demo"], ["fit"], ["datasets"]])
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
