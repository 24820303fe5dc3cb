"""Random data with all that is awkward, by a seed: `world(kind, seed, round)`.

Missing values, columns that never change, rare and new categories, ties, extremes, a window without any value of a
column, windows of a few rows; windows by size, by number and by time.
"""

import numpy as np
import pandas as pd

from case import Case

KINDS = ["binary", "multiclass", "regression"]


def world(kind, seed, round):
    """One random case: of the same numbers always the same."""
    random = np.random.default_rng([seed, round, KINDS.index(kind)])
    rule, reference_rows, analysis_rows = cut(random, round)
    times = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.cumsum(random.exponential(40.0, reference_rows + analysis_rows)).round(3), "s")
    reference = features(random, reference_rows, None)
    analysis = features(random, analysis_rows, np.linspace(0.0, random.uniform(0.3, 1.5), analysis_rows))
    blank = slice(analysis_rows // 2, analysis_rows // 2 + analysis_rows // 5)
    analysis.loc[analysis.index[blank], ["gaps", "lost"]] = np.nan
    if kind == "regression" and round % 4 != 1:
        # Trees may put more than three labels into groups in other ways.
        for rows in (reference, analysis):
            rows.drop(columns=["code", "lost", "rare"], inplace=True)
    made = Case(kind, reference, analysis, list(reference.columns), rule, "target", "prediction", timestamp="time",
                categorical=[column for column in ["code"] if column in reference], rates=bool(random.integers(2)))
    for rows, lost in [(reference, 0.0), (analysis, 0.02)]:
        outcome = {"binary": binary, "multiclass": multiclass, "regression": regression}[kind]
        made.score = outcome(random, rows, lost)
    reference["time"], analysis["time"] = times[:reference_rows], times[reference_rows:]
    if kind != "regression":
        size = 2 if kind == "binary" else 3
        made.value = random.integers(-5, 6, (size, size)).astype(float).tolist()
        made.normalize = {"confusion_matrix": str(random.choice(["none", "all", "true", "pred"])),
                          "business_value": str(random.choice(["none", "per_prediction"]))}
    return made


def cut(random, round):
    """How the rows are cut, and how many there are."""
    if round % 4 == 0:
        size = int(random.integers(80, 400))
        return ("size", size), int(random.integers(1500, 4000)), int(random.integers(1000, 3000))
    if round % 4 == 1:
        # As many rows in each, where the peer makes the number asked for.
        number = int(random.integers(3, 9))
        return ("number", number), number * int(random.integers(150, 400)), number * int(random.integers(60, 400))
    if round % 4 == 2:
        # So large a reference is kept in bins.
        return ("period", str(random.choice(["1h", "1d"]))), 12000, 4000
    return ("size", int(random.integers(5, 12))), 100, 70


def features(random, rows, moved):
    """One column of each kind; `moved` by row says how far the world has changed."""
    moved = np.zeros(rows) if moved is None else moved
    common = random.normal(size=rows) + moved
    frame = pd.DataFrame({
        "normal": common,
        "heavy": random.lognormal(1.0, 1.2, rows) * (1.0 + moved),
        "wild": random.standard_cauchy(rows) * 1e6,
        "tiny": random.normal(3e-9, 1e-9, rows),
        "ties": random.poisson(3.0 + moved).astype(float),
        "fallen": np.where(moved > 0.2, -7.0, random.uniform(1.0, 2.0, rows)),
        "whole": random.integers(-5, 6, rows) + np.floor(2.0 * moved).astype(int),
        "same": np.full(rows, 4.25),
        "gaps": np.where(random.random(rows) < 0.3, np.nan, 0.7 * common + random.normal(size=rows)),
        "code": random.integers(1, 5, rows),
        "yes": random.random(rows) < 0.3 + 0.2 * moved,
    })
    labels = np.array([f"v{k}" for k in range(30)])
    share = 1.0 / np.arange(1, 31) ** 1.7
    rare = random.choice(labels, rows, p=share / share.sum()).astype(object)
    rare[random.random(rows) < 0.05 * np.minimum(moved, 1.0)] = "never seen"
    frame["rare"] = rare
    few = random.choice(np.array(["a", "b", "c"]), rows, p=[0.6, 0.3, 0.1]).astype(object)
    frame["two"] = np.where(random.random(rows) < 0.4, "x", "y").astype(object)
    frame["only"] = np.full(rows, "one", dtype=object)
    few[random.random(rows) < 0.1] = np.nan
    frame["lost"] = few
    return frame


def binary(random, rows, lost):
    """Scores, predictions and targets of two classes; the score's column."""
    count = len(rows)
    inside = 1.0 / (1.0 + np.exp(-(0.9 * rows["normal"] + 0.3 * (rows["ties"] - 3.0) + random.normal(0.0, 0.4, count))))
    rows["score"] = np.clip(inside, 0.001, 0.999)
    rows["prediction"] = (rows["score"] > 0.5).astype(int)
    rows["target"] = (random.random(count) < np.where(rows["yes"], inside ** 1.6, inside)).astype(float)
    rows.loc[random.random(count) < 10 * lost, "target"] = np.nan
    return "score"


def multiclass(random, rows, lost):
    """The same of three classes."""
    count = len(rows)
    raw = np.stack([0.8 * rows["normal"], 0.4 * (rows["ties"] - 3.0), np.zeros(count)]) + random.normal(0.0, 0.5, (3, count))
    raw = np.exp(raw)
    shares = raw / raw.sum(axis=0)
    classes = np.array(["bronze", "gold", "silver"], dtype=object)
    for name, share in zip(classes, shares):
        rows[f"score_{name}"] = share
    rows["prediction"] = classes[shares.argmax(axis=0)]
    true = shares ** 0.8
    true /= true.sum(axis=0)
    rows["target"] = classes[(random.random(count) > true.cumsum(axis=0)[:2]).sum(axis=0)]
    rows.loc[random.random(count) < 10 * lost, "target"] = np.nan
    return {name: f"score_{name}" for name in classes}


def regression(random, rows, lost):
    """Predictions and targets that are numbers, all above 0."""
    count = len(rows)
    truth = np.exp(1.0 + 0.4 * rows["normal"]) + rows["ties"]
    rows["prediction"] = truth * random.uniform(0.8, 1.2, count)
    rows["target"] = truth * np.exp(random.normal(0.0, np.where(rows["yes"], 0.3, 0.1), count))
    rows.loc[random.random(count) < 10 * lost, "target"] = np.nan
    return None
