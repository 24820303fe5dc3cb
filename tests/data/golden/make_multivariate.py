"""Computes multivariate.json: what NannyML's reconstruction error and numpy's eigenvalues are on small inputs.

usage: python make_multivariate.py [OUT]     (versions: README.md)
"""

import json
import math
import os
import sys
import warnings
from pathlib import Path

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
warnings.filterwarnings("ignore")

import nannyml as nml
import numpy as np
import pandas as pd

HERE = Path(__file__).parent
REFERENCE, WINDOW = 400, 100


def made(rows, seed, shifted):
    """Features that go together, of both kinds, with missing values; from REFERENCE on some differ."""
    draw = np.random.default_rng(seed)
    common = draw.normal(size=rows)
    later = np.arange(rows) >= REFERENCE
    x = np.round(common * 2 + draw.normal(size=rows) * 0.3, 4)
    y = np.round(-common + draw.normal(size=rows) * 0.5 + 1000, 4)
    z = np.round(draw.exponential(size=rows) ** 2, 4)
    w = np.round(0.5 * z + draw.normal(size=rows), 4)
    c = np.where(common + draw.normal(size=rows) > 0.5, "a", np.where(draw.random(rows) < 0.3, "b", "d")).astype(object)
    e = draw.choice(["u", "v", "t"], rows, p=[0.6, 0.3, 0.1]).astype(object)
    b = (draw.random(rows) < 0.2).astype(object)
    b = np.where(b, "true", "false").astype(object)
    if shifted:
        x[later] = np.round(draw.normal(size=later.sum()) * 2, 4)
        z[rows - 1] = 1e6
        e[rows - 40:] = "new"
    frame = pd.DataFrame(dict(x=x, y=y, c=c, z=z, w=w, e=e, b=b))
    for column, share in dict(x=0.05, w=0.2, c=0.1, b=0.03).items():
        frame.loc[draw.random(rows) < share, column] = np.nan
    frame["k"] = 3.25
    return frame


def plain(values):
    return [None if isinstance(v, float) and math.isnan(v) else v for v in values]


def case(frame, columns, reference=REFERENCE):
    frame = frame[columns]
    calculator = nml.DataReconstructionDriftCalculator(column_names=columns, chunk_size=WINDOW)
    calculator.fit(frame[:reference])
    result = calculator.calculate(frame[reference:].reset_index(drop=True)).to_df(multilevel=False)
    fields = ["value", "sampling_error", "upper_confidence_boundary", "lower_confidence_boundary", "upper_threshold",
              "lower_threshold"]
    return {
        "columns": {column: plain(frame[column].tolist()) for column in columns},
        "reference_rows": reference,
        "window_rows": WINDOW,
        "components": int(calculator._pca.n_components_),
        "result": {field: plain(result[f"reconstruction_error_{field}"].tolist()) for field in fields},
    }


def main(out):
    given = made(700, 1, True)
    cases = {
        "all": case(given, list(given.columns)),
        "numbers": case(given, ["x", "y", "z", "w"]),
        "categories": case(given, ["c", "e", "b"]),
    }
    draw = np.random.default_rng(2)
    matrices = []
    for n in (1, 2, 5, 12):
        a = np.round(draw.normal(size=(n, n)), 6)
        a = np.tril(a) + np.tril(a, -1).T
        matrices.append({"matrix": a.tolist(), "eigenvalues": np.linalg.eigvalsh(a)[::-1].tolist()})
    Path(out).write_text(json.dumps({"reconstruction": cases, "eigen": matrices}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else HERE / "multivariate.json")
