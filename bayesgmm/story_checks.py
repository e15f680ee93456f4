"""What speaks for the model and the sampler, in sentences and tables to be shown."""

from typing import Any

import numpy as np
import pandas as pd

from bayesgmm.dims import CHAIN
from bayesgmm.naming import format_number, format_share
from bayesgmm.sentences import describe_optima
from bayesgmm.story_groups import INTERVAL

# A posterior predictive p-value as close to 0 or 1 as this is marked.
ODD = 0.01
# Columns of a diagnosis that are shown: their header and how numbers are written.
CHECKS = {
    "r_hat": ("R-hat", "{:.3f}".format),
    "ess_bulk": ("bulk ESS", "{:,.0f}".format),
    "ess_tail": ("tail ESS", "{:,.0f}".format),
}
CHAINS = {
    "log_likelihood": ("mean log-likelihood", "{:,.2f}".format),
    "solution": ("solution", str),
    "switch_rate": ("switched labels", format_share),
    "n_divergences": ("divergences", "{:,}".format),
}


def say_misfit(check: pd.DataFrame) -> str:
    """Say which statistics of the data the model does not reproduce."""
    n_odd, n_all = int(_odd(check).sum()), len(check)
    if not n_odd:
        return f"The data pass all {n_all} checks of the model."
    return (
        f"In {n_odd} of {n_all} checks of the model the data differ from nearly all "
        "data sets that it makes: there it is not to be relied on."
    )


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
    """Return the convergence of invariants, and of the worst parameter of each kind."""
    kinds = diagnosis.parameters.groupby(lambda name: name.split("[")[0], sort=False)
    worst = kinds.agg({"r_hat": "max", "ess_bulk": "min", "ess_tail": "min"})
    worst.index = [f"relabelled {name}, the worst" for name in worst.index]
    table = pd.concat([diagnosis.invariants, worst])
    table.index = [str(name).replace("_", " ") for name in table.index]
    return pd.DataFrame(
        {title: table[name].map(write) for name, (title, write) in CHECKS.items()}
    )


def write_chains(diagnosis) -> pd.DataFrame:
    """Return what each chain found."""
    table = diagnosis.chains
    columns = [name for name in CHAINS if name in table]
    return pd.DataFrame(
        {CHAINS[name][0]: table[name].map(CHAINS[name][1]) for name in columns},
    ).rename_axis(CHAIN)


def write_facts(diagnosis) -> dict[str, str]:
    return {
        "divergences": f"{diagnosis.n_divergences:,}",
        "draws with switched labels": format_share(diagnosis.switch_rate),
        "starts": describe_optima(diagnosis.optima),
    }
