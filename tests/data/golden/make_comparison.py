"""Differences of two models over the same rows, by other tools: numpy, scipy 1.13.1, scikit-learn 1.5.2.

    python make_comparison.py > comparison.json

DeLong's test from the definition (a kernel over all pairs of a positive and a negative); the paired t-test of scipy; and
the jackknife of scikit-learn's own metrics, which knows nothing of how we take derivatives.
"""

import json

import numpy as np
from scipy import stats
from sklearn import metrics

rng = np.random.default_rng(20261128)
ROWS = 300

hidden = rng.normal(size=ROWS)
target = (rng.random(ROWS) < 1 / (1 + np.exp(-1.5 * hidden + 0.5))).astype(int)


def model(noise):
    raw = 1 / (1 + np.exp(-(1.2 * hidden + noise * rng.normal(size=ROWS) - 0.4)))
    return np.round(raw, 2)  # two digits: there are ties


scores = [model(0.9), model(0.5)]
predicted = [(score >= 0.5).astype(int) for score in scores]
worth = np.array([[1.0, -4.0], [-2.0, 3.0]])


def kernel(score):
    positive, negative = score[target == 1][:, None], score[target == 0][None, :]
    return (positive > negative) + 0.5 * (positive == negative)


def delong():
    kernels = [kernel(score) for score in scores]
    areas = [k.mean() for k in kernels]
    by_positive = kernels[1].mean(axis=1) - kernels[0].mean(axis=1)
    by_negative = kernels[1].mean(axis=0) - kernels[0].mean(axis=0)
    variance = by_positive.var(ddof=1) / len(by_positive) + by_negative.var(ddof=1) / len(by_negative)
    error = np.sqrt(variance)
    z = (areas[1] - areas[0]) / error
    return dict(champion=areas[0], challenger=areas[1], error=error, p=2 * stats.norm.sf(abs(z)))


def paired(of_rows):
    first, second = of_rows
    difference = second - first
    found = stats.ttest_rel(second, first)
    return dict(champion=first.mean(), challenger=second.mean(), error=(difference.mean() / found.statistic))


def jackknife(metric):
    whole = [metric(side, np.arange(ROWS)) for side in (0, 1)]
    left = np.array([
        metric(1, np.delete(np.arange(ROWS), row)) - metric(0, np.delete(np.arange(ROWS), row))
        for row in range(ROWS)
    ])
    error = np.sqrt((ROWS - 1) / ROWS * ((left - left.mean()) ** 2).sum())
    return dict(champion=whole[0], challenger=whole[1], error=error)


def of_labels(metric):
    return jackknife(lambda side, rows: metric(target[rows], predicted[side][rows]))


def of_scores(metric):
    return jackknife(lambda side, rows: metric(target[rows], scores[side][rows]))


# Numbers.
true = np.round(50 + 10 * hidden, 3)
numbers = [np.round(true + rng.normal(scale=s, size=ROWS), 3) for s in (4.0, 3.5)]


def of_numbers(metric):
    return jackknife(lambda side, rows: metric(true[rows], numbers[side][rows]))


# Three classes.
classes = rng.integers(0, 3, size=ROWS)
guesses = [np.where(rng.random(ROWS) < share, classes, rng.integers(0, 3, size=ROWS)) for share in (0.6, 0.7)]


def of_classes(metric):
    return jackknife(lambda side, rows: metric(classes[rows], guesses[side][rows]))


def specificity(y, p):
    return metrics.recall_score(1 - y, 1 - p)


print(json.dumps(dict(
    versions=dict(numpy=np.__version__, sklearn="1.5.2", scipy="1.13.1"),
    target=target.tolist(),
    scores=[score.tolist() for score in scores],
    predicted=[label.tolist() for label in predicted],
    worth=worth.tolist(),
    true=true.tolist(),
    numbers=[of.tolist() for of in numbers],
    classes=classes.tolist(),
    guesses=[guess.tolist() for guess in guesses],
    exact=dict(
        roc_auc=delong(),
        accuracy=paired([(label == target).astype(float) for label in predicted]),
        business_value=paired([worth[target, label] for label in predicted]),
        mae=paired([np.abs(of - true) for of in numbers]),
        mse=paired([(of - true) ** 2 for of in numbers]),
        accuracy_of_three=paired([(guess == classes).astype(float) for guess in guesses]),
    ),
    jackknife=dict(
        average_precision=of_scores(metrics.average_precision_score),
        f1=of_labels(metrics.f1_score),
        precision=of_labels(metrics.precision_score),
        recall=of_labels(metrics.recall_score),
        specificity=of_labels(specificity),
        rmse=of_numbers(lambda y, p: np.sqrt(metrics.mean_squared_error(y, p))),
        f1_of_three=of_classes(lambda y, p: metrics.f1_score(y, p, average="macro")),
        precision_of_three=of_classes(lambda y, p: metrics.precision_score(y, p, average="macro")),
    ),
), indent=None, separators=(",", ":")))
