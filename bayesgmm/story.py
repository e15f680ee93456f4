"""What an analysis has to tell, as sentences and small tables: one source for all.

The plain text, the console and the report show these, so they cannot differ.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesgmm.dims import CHAIN, COMPONENT, OBSERVATION
from bayesgmm.intervals import INTERVAL_PROBABILITY, equal_tails
from bayesgmm.naming import (
    SURE,
    component_name,
    format_estimate,
    format_number,
    format_share,
    free_parameters,
    parameter_name,
)
from bayesgmm.posterior import read_draws
from bayesgmm.sentences import describe_optima
from bayesgmm.validation import Table
from bayesgmm.verdict import Verdict

N_DOUBTFUL = 10
# Named in the title.
N_FEATURES = 5
INTERVAL = f"{INTERVAL_PROBABILITY:.0%} interval"
# Columns of a diagnosis that are shown: their header and how numbers are written.
CHECKS = {
    "r_hat": ("R-hat", "{:.3f}"),
    "ess_bulk": ("bulk ESS", "{:,.0f}"),
    "ess_tail": ("tail ESS", "{:,.0f}"),
}
CHAINS = {
    "log_likelihood": ("mean log-likelihood", "{:,.2f}"),
    "solution": ("solution", "{}"),
    "switch_rate": ("switched labels", "{:.1%}"),
    "n_divergences": ("divergences", "{}"),
}
TONES = {
    Verdict.CHAINS_AGREE: "good",
    Verdict.LABELS_RESOLVED: "good",
    Verdict.COMPONENTS_OVERLAP: "careful",
    Verdict.DIFFERENT_SOLUTIONS: "bad",
    Verdict.NOT_MIXED: "bad",
    Verdict.ROUGH: "careful",
}


@dataclass(frozen=True, slots=True, eq=False)
class Story:
    """The parts of an analysis in the order in which they are told.

    Attributes
    ----------
    title : str
    verdict, advice, tone : str
        The verdict in a few words, the sentence that says what to do with it, and
        one of "good", "careful" and "bad".
    groups : pandas.DataFrame
        Tables hold strings, ready to be shown.
    selection : pandas.DataFrame or None
    agreement : str
    comparison : pandas.DataFrame
    certainty : str
    doubtful : pandas.DataFrame
    checks, chains : pandas.DataFrame
    facts : dict of str
        What the sampler and the restarts of EM met.
    command : str
        The call that gives the same again.
    made : dict of str
        Versions and seconds.
    priors : str
    """

    title: str
    verdict: str
    advice: str
    tone: str
    groups: pd.DataFrame
    selection: pd.DataFrame | None
    agreement: str
    comparison: pd.DataFrame
    certainty: str
    doubtful: pd.DataFrame
    checks: pd.DataFrame
    chains: pd.DataFrame
    facts: dict[str, str]
    command: str
    made: dict[str, str]
    priors: str


def tell(analysis: Any) -> Story:
    """Collect what an `Analysis` has to tell."""
    diagnosis = analysis.diagnosis
    return Story(
        title=_title(analysis),
        verdict=diagnosis.verdict.name.replace("_", " ").capitalize(),
        advice=diagnosis.sentence,
        tone=TONES[diagnosis.verdict],
        groups=_groups(analysis.posterior),
        selection=_selection(analysis.selection),
        agreement=_agreement(analysis.comparison),
        comparison=_comparison(analysis.comparison.table),
        certainty=_certainty(analysis.membership),
        doubtful=_doubtful(analysis.membership, analysis.data),
        checks=_checks(diagnosis),
        chains=_chains(diagnosis),
        facts=_facts(diagnosis),
        command=_command(analysis),
        made=_made(analysis),
        priors=str(analysis.priors),
    )


def _title(analysis) -> str:
    data: Table = analysis.data
    n_components = analysis.em.parameters_.n_components
    groups = f"{n_components} group{'s' * (n_components != 1)}"
    features = ", ".join(data.feature_names[:N_FEATURES])
    if data.n_features > N_FEATURES:
        features += f" and {data.n_features - N_FEATURES} more features"
    return f"{groups} in {data.n_observations:,} rows of {features}"


def _groups(posterior) -> pd.DataFrame:
    """Return weight, means and standard deviations of each group, original units."""
    draws = read_draws(posterior)
    quantities = {"share of rows": draws.weights}
    for j, name in enumerate(draws.feature_names):
        quantities[f"mean of {name}"] = draws.means[:, :, j]
        quantities[f"sd of {name}"] = np.sqrt(draws.covariances[:, :, j, j])
    rows = {name: _estimates(values) for name, values in quantities.items()}
    columns = [component_name(k) for k in draws.components]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _estimates(values) -> list[str]:
    """Write the mean and interval of each column of draws."""
    lower, upper = np.quantile(values, equal_tails(INTERVAL_PROBABILITY), axis=0)
    parts = zip(values.mean(axis=0), values.std(axis=0), lower, upper, strict=True)
    return [format_estimate(*part) for part in parts]


def _selection(selection: pd.DataFrame | None) -> pd.DataFrame | None:
    """Write the criteria of every number of groups that was tried."""
    if selection is None:
        return None
    shown = selection.map(lambda x: f"{x:,.1f}" if isinstance(x, float) else str(x))
    shown = shown.rename(columns=lambda name: str(name).replace("_", " "))
    return shown.rename_axis("groups")


def _agreement(comparison: Any) -> str:
    n_rows, n_moved = len(comparison.observations), comparison.n_moved
    return (
        f"EM and the posterior put {n_rows - n_moved:,} of {n_rows:,} rows into the "
        "same group."
    )


def _comparison(table: pd.DataFrame) -> pd.DataFrame:
    rows = {}
    contents: Any = free_parameters(table).to_dict("index")
    for index, row in contents.items():
        spread = row["sd"]
        values = (row[name] for name in ("mean", "sd", "lower", "upper"))
        # Adding zero after rounding leaves no minus before a zero.
        difference = round(row["standardised_difference"], 2) + 0.0
        rows[parameter_name(index)] = {
            "EM": format_number(row["em"], spread),
            f"posterior [{INTERVAL}]": format_estimate(*values),
            "difference in sd": f"{difference:+.2f}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _certainty(membership: xr.Dataset) -> str:
    best = membership["probability"].max(COMPONENT).values
    n_doubtful = int((best < SURE).sum())
    of_all = f"{n_doubtful:,} of {len(best):,} rows"
    return f"Less than {SURE:.0%} sure of their group: {of_all}."


def _doubtful(membership: xr.Dataset, data: Table) -> pd.DataFrame:
    """Return the rows whose likeliest group is least certain."""
    table = membership.transpose(OBSERVATION, COMPONENT, ...)
    probability = table["probability"].values
    order = np.argsort(probability.max(axis=1), kind="stable")[:N_DOUBTFUL]
    names = [component_name(k) for k in table[COMPONENT].values]
    rows = {}
    for n in order:
        best, *others = np.argsort(-probability[n], kind="stable")
        values = zip(data.feature_names, data.values[n], strict=True)
        rows[str(data.obs_ids[n])] = {
            **{name: f"{value:.6g}" for name, value in values},
            "likeliest": names[best],
            "probability": format_share(float(probability[n, best])),
            INTERVAL: "–".join(
                format_share(float(table[name].values[n, best]))
                for name in ("probability_lower", "probability_upper")
            ),
            "else": names[others[0]] if others else "—",
            "from unknown parameters": format_share(_parameter_part(table, n)),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("row")


def _parameter_part(table, n) -> float:
    """Return which part of a row's entropy comes from not knowing the parameters."""
    entropy = float(table["entropy"].values[n])
    part = float(table["parameter_entropy"].values[n])
    return min(max(part / entropy, 0.0), 1.0) if entropy > 0 else 0.0


def _checks(diagnosis) -> pd.DataFrame:
    """Return the convergence of invariants, and of the worst parameter of each kind."""
    kinds = diagnosis.parameters.groupby(lambda name: name.split("[")[0], sort=False)
    worst = kinds.agg({"r_hat": "max", "ess_bulk": "min", "ess_tail": "min"})
    worst.index = [f"relabelled {name}, the worst" for name in worst.index]
    table = pd.concat([diagnosis.invariants, worst])
    table.index = [str(name).replace("_", " ") for name in table.index]
    return pd.DataFrame(
        {
            title: table[name].map(write.format)
            for name, (title, write) in CHECKS.items()
        }
    )


def _chains(diagnosis) -> pd.DataFrame:
    """Return what each chain found."""
    table = diagnosis.chains
    columns = [name for name in CHAINS if name in table]
    return pd.DataFrame(
        {CHAINS[name][0]: table[name].map(CHAINS[name][1].format) for name in columns},
    ).rename_axis(CHAIN)


def _facts(diagnosis) -> dict[str, str]:
    return {
        "divergences": f"{diagnosis.n_divergences:,}",
        "draws with switched labels": format_share(diagnosis.switch_rate),
        "starts": describe_optima(diagnosis.optima),
    }


def _command(analysis) -> str:
    settings = {**analysis.settings, "random_seed": analysis.random_seed}
    given = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    return f"bayesgmm.fit(X, {given})"


def _made(analysis) -> dict[str, str]:
    made = {name: str(version) for name, version in analysis.versions.items()}
    seconds = {f"seconds, {stage}": f"{s:.1f}" for stage, s in analysis.seconds.items()}
    return made | seconds
