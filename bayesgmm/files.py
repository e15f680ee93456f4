"""An analysis in a folder: files for people, and what it takes to read it again."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from bayesgmm.atomic import check_writable_folder, replacing
from bayesgmm.dims import COMPONENT, OBSERVATION
from bayesgmm.errors import InputError
from bayesgmm.partition_stability import Stability
from bayesgmm.report import write_report
from bayesgmm.validation import Table

REPORT, EM, POSTERIOR = "report.html", "em.json", "posterior.nc"
MEMBERSHIP, GROUPS = "membership.csv", "groups.csv"
DESCRIBED, FACTS = "described.parquet", "analysis.json"
FORMAT = "bayesgmm.Analysis"
"""Stands in `FACTS`."""
PLAIN = ("random_seed", "settings", "versions", "seconds")


class Saved(NamedTuple):
    """What a folder holds of an analysis; the rest follows from it."""

    em: Path
    posterior: xr.DataTree
    described: pd.DataFrame | None
    selection: pd.DataFrame | None
    stability: Stability | None
    random_seed: int
    settings: dict[str, Any]
    versions: dict[str, str]
    seconds: dict[str, float]


def save_analysis(analysis: Any, directory: str | Path) -> Path:
    """Write an analysis into a folder; see `Analysis.save`.

    `read_saved` reads it. `GaussianMixture.load` reads em.json alone,
    `xarray.open_datatree` posterior.nc.

    Parameters
    ----------
    analysis : Analysis
    directory : path
        Made if it is not there. Files of these names are replaced, each in one step.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    folder = check_writable_folder(directory)
    with replacing(folder / POSTERIOR) as path:
        analysis.posterior.to_netcdf(path, engine="h5netcdf")
    analysis.em.save(folder / EM)
    with replacing(folder / MEMBERSHIP) as path:
        membership_table(analysis.membership).to_csv(path)
    with replacing(folder / GROUPS) as path:
        analysis.profile.table.to_csv(path)
    _save_described(analysis, folder / DESCRIBED)
    with replacing(folder / FACTS) as path:
        path.write_text(json.dumps(_facts(analysis), indent=1), "utf-8")
    write_report(analysis, folder / REPORT)
    return folder


def membership_table(membership: Any) -> pd.DataFrame:
    """Return one row an observation, and one column a group for its probabilities."""
    columns = {}
    for name, variable in membership.data_vars.items():
        if COMPONENT in variable.dims:
            for k in variable[COMPONENT].values:
                columns[f"{name}_{k}"] = variable.sel({COMPONENT: k}).values
        else:
            columns[name] = variable.values
    return pd.DataFrame(columns, index=membership.indexes[OBSERVATION])


def _save_described(analysis: Any, path: Path) -> None:
    """Write the columns that groups are described by, where these are not the data."""
    table: Table = analysis.described
    if table is analysis.data:
        path.unlink(missing_ok=True)
        return
    index = pd.Index(table.obs_ids, name=OBSERVATION)
    frame = pd.DataFrame(table.values, index, list(table.feature_names))
    with replacing(path) as beside:
        frame.to_parquet(beside)


def _facts(analysis: Any) -> dict[str, Any]:
    """Return what cannot be computed from the draws, as plain numbers and texts."""
    selection, stability = analysis.selection, analysis.stability
    return {
        "format": FORMAT,
        **{name: getattr(analysis, name) for name in PLAIN},
        "selection": None if selection is None else selection.to_dict("tight"),
        "stability": None if stability is None else _plain(stability),
    }


def _plain(stability: Stability) -> dict[str, Any]:
    chains = stability.chains
    return {
        "agreement": stability.agreement.tolist(),
        "groups": stability.groups.to_dict("tight"),
        "chains": None if chains is None else chains.to_dict("tight"),
        "n_collapsed": stability.n_collapsed,
    }


def read_saved(directory: str | Path) -> Saved:
    """Read what `save_analysis` wrote.

    Parameters
    ----------
    directory : path

    Returns
    -------
    Saved

    Raises
    ------
    InputError
        If a file is missing, or holds something else.
    """
    folder = Path(directory)
    _check_whole(folder)
    try:
        facts = json.loads((folder / FACTS).read_text("utf-8"))
        described = folder / DESCRIBED
        return Saved(
            em=folder / EM,
            posterior=read_posterior(folder / POSTERIOR),
            described=pd.read_parquet(described) if described.exists() else None,
            selection=_frame(facts["selection"]),
            stability=_stability(facts["stability"]),
            **{name: facts[name] for name in PLAIN},
        )
    except (OSError, LookupError, ValueError) as error:
        text = str(error).partition("\n")[0]
        raise _unreadable(
            f"{str(folder)!r}, where something is wrong ({text})"
        ) from None


def read_posterior(path: Path) -> xr.DataTree:
    """Return the draws that a NetCDF file holds.

    Raises
    ------
    InputError
        If there is no such file, or it is none.
    """
    try:
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            return tree.load()
    except (OSError, ValueError) as error:
        what = "no such file" if isinstance(error, FileNotFoundError) else "another one"
        raise InputError(
            "posterior",
            "be a NetCDF file of draws",
            f"{str(path)!r}, {what}",
            "Write it by `bayesgmm fit`, or `.to_netcdf` of what `sample` returned.",
        ) from None


def _check_whole(folder: Path) -> None:
    missing = [name for name in (EM, POSTERIOR, FACTS) if not (folder / name).is_file()]
    if missing:
        raise _unreadable(f"{str(folder)!r} without {missing[0]}")


def _unreadable(got: str) -> InputError:
    return InputError(
        "directory",
        f"be a folder with {EM}, {POSTERIOR} and {FACTS}, as `Analysis.save` wrote it",
        got,
        "Check the name, or fit and save again.",
    )


def _frame(plain: dict[str, Any] | None) -> pd.DataFrame | None:
    return None if plain is None else pd.DataFrame.from_dict(plain, orient="tight")


def _stability(plain: dict[str, Any] | None) -> Stability | None:
    if plain is None:
        return None
    groups, chains = (_frame(plain[name]) for name in ("groups", "chains"))
    assert groups is not None
    agreement = np.array(plain["agreement"])
    return Stability(agreement, groups, chains, plain["n_collapsed"])
