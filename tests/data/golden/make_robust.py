"""Writes robust.json: small data of which the inputs move, and what is estimated of them by scikit-learn and LightGBM.

Versions are in README.md. `python make_robust.py`.

The formulas are those of arXiv 2401.08348: weights of the reference's rows from a classifier that tells them from the
window's, isotonic regression with these weights, and from there as without a shift. Trees and folds are LightGBM's.
"""

import json

import lightgbm
import numpy as np
from scipy.optimize import root
from sklearn.isotonic import IsotonicRegression

REFERENCE = 3000
WINDOW = 1500

random = np.random.default_rng(23)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rows(count, moved):
    """Two numbers and a category; the score knows the first number alone, and is right on average."""
    first = random.normal(size=count).round(3)
    second = (random.normal(size=count) + moved).round(3)
    part = (random.random(count) < 0.3 + 0.3 * moved).astype(int)
    score = sigmoid(1.2 * first).round(4)
    truth = sigmoid(1.2 * first * np.exp(-0.4 * second) + 0.5 * second - 0.4 * part)
    target = (random.random(count) < truth).astype(int)
    return {"first": first, "second": second, "part": part, "score": score, "target": target}


def both(reference, window):
    """The features of both, and which rows are the window's."""
    features = [np.concatenate([reference[name], window[name]]) for name in ("first", "second", "part")]
    return np.stack(features, axis=1), np.repeat([0, 1], [REFERENCE, WINDOW])


def ratio(reference, window):
    """How many times as dense the window lies at each row of the reference."""
    features, of_window = both(reference, window)
    fold = np.concatenate([np.arange(REFERENCE) % 2, np.arange(WINDOW) % 2])
    scores = np.zeros(len(fold))
    for held in (0, 1):
        trees = lightgbm.LGBMClassifier(
            n_estimators=40, learning_rate=0.2, num_leaves=4, min_child_samples=50, n_jobs=1, verbosity=-1
        )
        trees.fit(features[fold != held], of_window[fold != held], categorical_feature=[2])
        scores[fold == held] = trees.predict(features[fold == held], raw_score=True)
    wanted = np.where(of_window, (WINDOW + 1) / (WINDOW + 2), 1 / (REFERENCE + 2))

    def slopes(at):
        off = sigmoid(at[0] + at[1] * scores) - wanted
        return [off.sum(), (off * scores).sum()]

    start, slope = root(slopes, [np.log(WINDOW / REFERENCE), 0.5], tol=1e-13).x
    return (REFERENCE / WINDOW * np.exp(start + slope * scores))[:REFERENCE]


def estimated(score, probability):
    """Expected performance of rows with these probabilities."""
    predicted = score >= 0.5
    positive, negative = probability, 1 - probability
    tp, fp = positive[predicted].sum(), negative[predicted].sum()
    fn, tn = positive[~predicted].sum(), negative[~predicted].sum()
    above = score[:, None] > score[None, :]
    tied = score[:, None] == score[None, :]
    pairs = positive[:, None] * negative[None, :]
    area = (pairs * (above + 0.5 * tied)).sum() / (positive.sum() * negative.sum())
    return {
        "roc_auc": area,
        "f1": tp / (tp + (fp + fn) / 2),
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "specificity": tn / (tn + fp),
        "accuracy": (tp + tn) / len(score),
    }


def calibrated(reference, score, weights=None):
    curve = IsotonicRegression(out_of_bounds="clip").fit(reference["score"], reference["target"], weights)
    return curve.predict(score)


reference = rows(REFERENCE, 0.0)
cases = []
for moved in (0.0, 0.8):
    window = rows(WINDOW, moved)
    weights = ratio(reference, window)
    cases.append(
        {
            "moved": moved,
            "window": {name: column.tolist() for name, column in window.items()},
            "plain": estimated(window["score"], calibrated(reference, window["score"])),
            "robust": estimated(window["score"], calibrated(reference, window["score"], weights)),
            "effective_rows": weights.sum() ** 2 / (weights**2).sum(),
        }
    )
grid = np.linspace(0, 1, 41)
weights = weights.round(6)
with open("robust.json", "w") as out:
    json.dump(
        {
            "reference": {name: column.tolist() for name, column in reference.items()},
            "weights": weights.tolist(),
            "grid": grid.tolist(),
            "calibrated": calibrated(reference, grid, weights).tolist(),
            "cases": cases,
        },
        out,
        separators=(",", ":"),
    )
    out.write("\n")
