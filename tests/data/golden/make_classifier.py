"""Writes classifier.json: small data and what NannyML's domain classifier says of their windows.

Versions are in README.md. `python make_classifier.py`.
"""

import json
import os

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml
import numpy as np
import pandas as pd

WINDOW = 500
REFERENCE = 3 * WINDOW

random = np.random.default_rng(17)


def rows(count, moved=0.0, together=0.8, labels="abc", missing=0.05):
    """Two numbers that go together, a whole number, a label."""
    common = random.normal(size=count)
    first = common + moved + 0.5 * random.normal(size=count)
    second = together * common + 0.6 * random.normal(size=count)
    lost = random.random(count) < missing
    return pd.DataFrame(
        {
            "first": np.where(lost, np.nan, first.round(2)),
            "second": second.round(2),
            "count": random.poisson(2.0, count).astype(float),
            "label": random.choice(list(labels), count),
        }
    )


reference = rows(REFERENCE)
windows = {
    "as before": rows(WINDOW),
    "moved": rows(WINDOW, moved=0.7),
    "no longer together": rows(WINDOW, together=-0.8),
    "new label, more missing": rows(WINDOW, labels="abcd", missing=0.4),
}
calculator = nannyml.DomainClassifierCalculator(
    feature_column_names=list(reference.columns), chunk_size=WINDOW
)
calculator.hyperparameters = dict(calculator.hyperparameters, n_jobs=1, verbose=-1)
calculator.fit(reference)
data = pd.concat([reference, *windows.values()], ignore_index=True)
result = calculator.calculate(data[REFERENCE:].reset_index(drop=True)).to_df(multilevel=False)
columns = {
    name: [None if pd.isna(value) else value for value in data[name].tolist()] for name in data.columns
}
with open("classifier.json", "w") as out:
    json.dump(
        {
            "reference_rows": REFERENCE,
            "window_rows": WINDOW,
            "windows": ["reference"] * (REFERENCE // WINDOW) + list(windows),
            "columns": columns,
            "roc_auc": result["domain_classifier_auroc_value"].tolist(),
            "breach": [bool(of) for of in result["domain_classifier_auroc_alert"]],
        },
        out,
    )
    out.write("\n")
