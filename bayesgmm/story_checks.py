"""What speaks for the model and the sampler, in sentences and tables to be shown."""

import re
from typing import Any

import numpy as np
import pandas as pd

from bayesgmm.dims import CHAIN
from bayesgmm.em import Status
from bayesgmm.naming import format_number, format_share
from bayesgmm.sentences import describe_optima
from bayesgmm.story_groups import INTERVAL

# A posterior predictive p-value as close to 0 or 1 as this is marked.
ODD = 0.01
N_NAMED = 3
# Columns of a diagnosis that are shown: their header and how numbers are written.
CHECKS = {
    "r_hat": ("R-hat", "{:.3f}".format),
    "ess_bulk": ("bulk ESS", "{:,.0f}".format),
    "ess_tail": ("tail ESS", "{:,.0f}".format),
}
NAMES = {"log_likelihood": "log-likelihood", "lp": "log-posterior"}
_PLACE = r"(\[.*| at .*| \d+)$"
CRITERIA = {"log_likelihood": "log-likelihood", "bic": "BIC", "em": "EM"}
CHAINS = {
    "log_likelihood": ("mean log-likelihood", "{:,.2f}".format),
    "solution": ("solution", str),
    "switch_rate": ("switched labels", format_share),
    "n_divergences": ("divergences", "{:,}".format),
}


def say_misfit(check: pd.DataFrame) -> str:
    """Say which statistics of the data the model does not reproduce."""
    odd = [f"{what} of {name or 'rows'}" for name, what in check.index[_odd(check)]]
    if not odd:
        return f"The data pass all {len(check)} checks of the model."
    named = ", ".join(odd[:N_NAMED])
    rest = f" and {len(odd) - N_NAMED} more" if len(odd) > N_NAMED else ""
    return (
        f"In {len(odd)} of {len(check)} checks of the model the data differ from "
        f"nearly all data sets that it makes ({named}{rest}): there it is not to be "
        "relied on."
    )


def is_misfit(check: pd.DataFrame) -> bool:
    """Tell whether there are such statistics."""
    return bool(_odd(check).any())


def _odd(check: pd.DataFrame) -> Any:
    p = check["p"].to_numpy()
    return np.minimum(p, 1 - p) < ODD


def write_predictive(check: pd.DataFrame) -> pd.DataFrame:
    """Write the statistics of the data beside those of replicates."""
    rows = {}
    contents: Any = check.assign(odd=_odd(check)).to_dict("index")
    for (feature, statistic), row in contents.items():
        width = (row["upper"] - row["lower"]) / 4
        low, high, seen = (
            format_number(row[name], width) for name in ("lower", "upper", "observed")
        )
        rows[f"{statistic} of {feature or 'rows'}"] = {
            "data": seen,
            f"model, {INTERVAL}": f"[{low}, {high}]",
            "p": f"{row['p']:.3f}" + (" !" if row["odd"] else ""),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def write_checks(diagnosis) -> pd.DataFrame:
    """Return the convergence of invariants and relabelled parameters, kind by kind."""
    parameters = diagnosis.parameters.rename(lambda name: f"relabelled {name}")
    table = pd.concat([_worst(diagnosis.invariants), _worst(parameters)])
    written = {title: table[name].map(write) for name, (title, write) in CHECKS.items()}
    return pd.DataFrame(written).replace("nan", "—")


def _worst(table: pd.DataFrame) -> pd.DataFrame:
    """Return the worst numbers of each kind: of what is named alike but for a place."""
    kinds = table.groupby(lambda name: re.sub(_PLACE, "", name), sort=False)
    worst: Any = kinds.agg({"r_hat": "max", "ess_bulk": "min", "ess_tail": "min"})
    sizes: Any = kinds.size()
    names = [
        NAMES.get(kind, kind.replace("_", " ")) + f", the worst of {n}" * (n > 1)
        for kind, n in sizes.items()
    ]
    return worst.set_axis(names)


def write_chains(diagnosis) -> pd.DataFrame:
    """Return what each chain found."""
    table = diagnosis.chains
    columns = [name for name in CHAINS if name in table]
    return pd.DataFrame(
        {CHAINS[name][0]: table[name].map(CHAINS[name][1]) for name in columns},
    ).rename_axis(CHAIN)


def write_facts(diagnosis) -> dict[str, str]:
    """Return what the sampler and the restarts of EM met."""
    return {
        "divergences": f"{diagnosis.n_divergences:,}",
        "draws with switched labels": format_share(diagnosis.switch_rate),
        "starts": describe_optima(diagnosis.optima),
    }


# -- how many groups, and how EM ended ---------------------------------------------


def write_selection(selection: pd.DataFrame) -> pd.DataFrame:
    """Write the criteria of every number of groups that was tried."""
    shown = selection.map(lambda x: f"{x:,.1f}" if isinstance(x, float) else str(x))
    return shown.rename(columns=CRITERIA).rename_axis("groups")


def say_choice(selection: pd.DataFrame, chosen: int) -> str:
    """Say by how much the chosen number of groups is better, or why it was chosen."""
    table: Any = selection
    bic = table["bic"].sort_values()
    lowest, other = bic.index[:2]
    if lowest != chosen:
        return (
            f"The BIC is lowest for {lowest}, but a component of that fit is no group: "
            f"it collapsed, or rests on too few rows. Of the other fits, that of "
            f"{chosen} has the lowest."
        )
    return (
        f"The BIC is lowest for {lowest}: {bic[other] - bic[lowest]:,.1f} below that "
        f"for {other}."
    )


def say_trouble(em: Any, optima: pd.DataFrame | None) -> list[str]:
    """Say what is wrong with the fit by EM, if anything."""
    said = [] if em.status_ is Status.CONVERGED else [f"EM: {em.status_.value}"]
    spurious = [] if optima is None else optima["spurious"].tolist()
    if spurious and all(spurious) and em.status_ is not Status.COLLAPSED:
        said.append("EM: a component rests on too few rows to be a group.")
    return said
