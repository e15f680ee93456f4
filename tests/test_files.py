"""An analysis in a folder, and back."""

import os
import stat
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from made_up import faithful_analysis

from bayesgmm import GaussianMixture, files
from bayesgmm.atomic import check_writable_folder, replacing
from bayesgmm.errors import InputError
from bayesgmm.files import read_saved, save_analysis
from bayesgmm.validation import check_table


@pytest.fixture(scope="module")
def analysis():
    return faithful_analysis()


@pytest.fixture(scope="module")
def folder(analysis, tmp_path_factory):
    return save_analysis(analysis, tmp_path_factory.mktemp("deep") / "deep" / "out")


@pytest.fixture
def pageless(monkeypatch):
    """Draw no pictures where nobody looks at them."""
    monkeypatch.setattr(files, "write_report", lambda _, path: path)


class TestFiles:
    def test_a_folder_holds_the_results(self, folder):
        names = {path.name for path in folder.iterdir()}
        assert names == {
            "report.html",
            "posterior.nc",
            "em.json",
            "membership.csv",
            "groups.csv",
            "analysis.json",
        }

    def test_draws_come_back(self, analysis, folder):
        with xr.open_datatree(folder / "posterior.nc", engine="h5netcdf") as back:
            xr.testing.assert_equal(back.load(), analysis.posterior)

    def test_em_comes_back(self, folder):
        em = GaussianMixture.load(folder / "em.json")
        assert em.log_likelihood_ == -1130.264
        back = em.parameters_
        np.testing.assert_array_equal(back.means, [[2.036, 54.48], [4.290, 79.97]])
        assert back.feature_names == ("eruptions", "waiting")

    def test_membership_is_one_row_an_observation(self, analysis, folder):
        back = pd.read_csv(folder / "membership.csv", index_col="obs_id")
        assert len(back) == 272
        np.testing.assert_allclose(back["probability_0"] + back["probability_1"], 1)
        np.testing.assert_array_equal(back["label"], analysis.membership["label"])

    def test_nothing_is_left_half_written(self, tmp_path):
        target = tmp_path / "result.txt"
        target.write_text("old")
        with pytest.raises(UnicodeEncodeError), replacing(target) as beside:
            beside.write_text("half, then \ud800", encoding="utf-8")
        assert target.read_text() == "old"
        assert list(tmp_path.iterdir()) == [target]

    def test_new_files_have_the_usual_permissions(self, tmp_path):
        (tmp_path / "plain").write_text("")
        with replacing(tmp_path / "ours") as beside:
            beside.write_text("")
        modes = {stat.S_IMODE(os.stat(tmp_path / f).st_mode) for f in ("plain", "ours")}
        assert len(modes) == 1

    def test_a_folder_that_cannot_be_written_to_is_refused(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(InputError, match="be a folder that can be written to"):
            check_writable_folder(tmp_path / "file")
        with pytest.raises(InputError, match="Choose another folder"):
            check_writable_folder(tmp_path / "file" / "below")


@pytest.mark.usefixtures("pageless")
class TestReadAgain:
    """The parts of a saved analysis that do not follow from its draws."""

    def test_everything_comes_back(self, analysis, tmp_path):
        selection = pd.DataFrame({"bic": [1.5, 2.5]}, pd.Index([1, 2], name="k"))
        frame = pd.DataFrame({"log": np.log(analysis.data.values[:, 1])})
        changes = {
            "selection": selection,
            "described": check_table(frame),
            "columns": analysis.columns.loc[["waiting"]].rename({"waiting": "log"}),
        }
        whole = SimpleNamespace(**vars(analysis) | changes)
        saved = read_saved(save_analysis(whole, tmp_path))
        pd.testing.assert_frame_equal(saved.selection, selection)
        assert saved.described["log"].tolist() == frame["log"].tolist()
        assert saved.described.index.tolist() == list(range(272))
        assert saved.settings == analysis.settings
        assert saved.random_seed == 1
        assert str(saved.stability) == str(analysis.stability)
        pd.testing.assert_frame_equal(saved.stability.chains, analysis.stability.chains)
        xr.testing.assert_equal(saved.posterior, analysis.posterior)

    def test_an_old_description_does_not_stay(self, analysis, tmp_path):
        (tmp_path / "described.parquet").write_text("old")
        assert read_saved(save_analysis(analysis, tmp_path)).described is None

    def test_what_is_no_analysis_is_refused(self, analysis, tmp_path):
        with pytest.raises(InputError, match=r"without em\.json"):
            read_saved(tmp_path / "nowhere")
        save_analysis(analysis, tmp_path)
        (tmp_path / "analysis.json").write_text("{}")
        with pytest.raises(InputError, match="where something is wrong"):
            read_saved(tmp_path)
        (tmp_path / "analysis.json").unlink()
        with pytest.raises(InputError, match=r"without analysis\.json"):
            read_saved(tmp_path)
