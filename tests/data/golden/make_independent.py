"""Computes independent.json: small cases by numpy, scipy and scikit-learn, for what vectors.json does not hold.

usage: python make_independent.py [OUT]     (versions: README.md)

Inputs are either listed or drawn by `draws`, integer arithmetic that the tests repeat to the bit.
"""

import json
import math
import sys
from decimal import Decimal, getcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedShuffleSplit

HERE = Path(__file__).parent
getcontext().prec = 60


def draws(seed, n, shape="uniform"):
    """A 64-bit linear congruential generator (Knuth's MMIX): the upper 53 bits as a share of 1, then shaped."""
    state, out = seed, []
    for _ in range(n):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        u = (state >> 11) * 2.0**-53
        out.append({"uniform": u, "cube": u * u * u, "offset": 1e6 + u, "coarse": math.floor(u * 40.0) / 4.0}[shape])
    return np.array(out)


def case(seed, n, shape, **found):
    return {"seed": seed, "n": n, "shape": shape, **found}


def doane():
    wanted = [(n, shape) for n in (1, 2, 3, 9, 127, 129, 1000, 4097) for shape in ("uniform", "cube", "offset", "coarse")]
    out = []
    for seed, (n, shape) in enumerate([*wanted, (20000, "cube"), (50000, "uniform")]):
        values = draws(seed, n, shape)
        out.append(case(seed, n, shape, sum=float(np.sum(values)), deviation=float(np.std(values)),
                        edges=np.histogram_bin_edges(values, bins="doane").tolist()))
    return out


def deciles():
    out = []
    for seed, (n, shape) in enumerate([(1, "uniform"), (7, "cube"), (11, "uniform"), (500, "coarse"), (1234, "cube")]):
        values = np.sort(draws(100 + seed, n, shape))
        # The rank in integers: 0.3 * 10 is above 3 in floats, and "higher" would take the next value.
        cuts = np.unique([values[-(-i * (n - 1) // 10)] for i in range(1, 10)])
        out.append(case(100 + seed, n, shape, cuts=cuts[cuts > values[0]].tolist()))
    return out


def exact_jensen_shannon(reference, window):
    n, m, two = Decimal(sum(reference)), Decimal(sum(window)), Decimal(2)
    total = Decimal(0)
    for r, w in zip(reference, window):
        p, q = r / n, w / m
        middle = (p + q) / two
        total += sum((share * (share / middle).ln() for share in (p, q) if share), Decimal(0))
    return float((max(total, Decimal(0)) / two / two.ln()).sqrt())


def exact_chi2(columns, yates):
    reference, window = (sum(column) for column in columns)
    total = Fraction(0)
    for row in zip(*columns):
        for seen, column in zip(row, (reference, window)):
            expected = Fraction(sum(row) * column, reference + window)
            apart = abs(seen - expected)
            total += (apart - min(apart, Fraction(1, 2) if yates else 0)) ** 2 / expected
    return float(total)


def counts():
    """Counts of the reference, of the window in the same bins, and of each category that only the window has."""
    given = [
        ([60, 40], [3, 7], []), ([60, 40], [6, 4], []), ([5, 5], [6, 5], []), ([10, 0, 3], [2, 0, 9], []),
        ([400, 300, 200, 100], [45, 20, 25, 10], []), ([400, 300, 200, 100], [40, 30, 20, 10], [5]),
        ([400, 300, 200, 100], [10, 10, 10, 10], [3, 30, 1]), ([7], [3], [2]), ([7], [0], [2]), ([50, 1], [0, 40], [2]),
        ([100000, 200000, 300000], [100001, 200000, 299999], []), ([1000000, 1000000], [500001, 500000], []),
        ([50000, 30000, 20000], [3000, 5000, 2000], []), ([900, 50, 50], [100, 300, 400], []),
        ([12345, 54321, 999, 1, 77], [2000, 3000, 10, 0, 0], [11]), ([10**9, 10**9], [10**9, 10**9 + 40000], []),
        (list(range(1, 41)), list(range(40, 0, -1)), []),
    ]
    out = []
    for reference, window, new in given:
        r = np.array(reference + [0] * len(new), float)
        w = np.array(window + new, float)
        lumped = np.append(window, sum(new)).astype(float)
        p, q = np.append(reference, 0) / r.sum(), lumped / w.sum()
        used = (r + w) > 0
        chi2 = stats.chi2_contingency(np.array([r[used], w[used]]).T)
        # In fractions, because scipy's differences cancel where little has changed; that it is the same statistic:
        columns = [[int(count) for count in column[used]] for column in (r, w)]
        exact = exact_chi2(columns, yates=len(columns[0]) == 2)
        assert math.isclose(exact, chi2.statistic, rel_tol=1e-9, abs_tol=1e-15), (exact, chi2.statistic)
        floored = [np.maximum(share, 1e-4) for share in (p, q)]
        floored = [share / share.sum() for share in floored]
        out.append({
            "reference": reference, "window": window, "new": new,
            "jensen_shannon": exact_jensen_shannon([*reference, 0], [*window, sum(new)]),
            "hellinger": float(np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / math.sqrt(2)),
            "l_infinity": float(np.abs(r / r.sum() - w / w.sum()).max()),
            "chi2": exact, "p_value": float(chi2.pvalue), "degrees_of_freedom": int(chi2.dof),
            "psi": float(np.sum((floored[1] - floored[0]) * np.log(floored[1] / floored[0])))})
    return out


def p_values():
    return [{"statistic": x, "degrees_of_freedom": k, "p_value": float(stats.chi2.sf(x, k))}
            for k, x in [(1, 1e-8), (1, 0.5), (1, 3.84), (1, 40.0), (1, 700.0), (1, 1350.0), (3, 0.01), (3, 11.0), (9, 900.0),
                         (50, 20.0), (50, 51.0), (50, 300.0), (999, 900.0), (999, 1300.0), (5000, 5200.0)]]


def distributions():
    out = []
    for seed, (n, m, shapes, shift) in enumerate([
            (400, 90, ("coarse", "coarse"), 0.0), (400, 90, ("coarse", "uniform"), 3.0), (1000, 350, ("cube", "uniform"), 0.0),
            (50, 2000, ("uniform", "uniform"), -0.25), (30, 30, ("coarse", "coarse"), 100.0), (1, 5, ("uniform", "cube"), 0.0)]):
        reference, window = draws(200 + seed, n, shapes[0]), draws(300 + seed, m, shapes[1]) + shift
        low, high = reference.min(), reference.max()
        low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
        edges = np.linspace(low, high, 26)
        inside = np.histogram(window, edges)[0]
        below, above = window[window < low], window[window > high]
        shares = np.cumsum(np.histogram(reference, edges)[0]) / n
        reached = (len(below) + np.cumsum(inside)) / m
        # The peer's grid methods, with the left end looked at (B29) and without a row too many below it (B31).
        ks = max(len(below) / m, float(np.abs(shares - reached).max()))
        area = (high - low) / 25 * float(np.abs(shares - reached).sum()) + (low - below).sum() / m + (above - high).sum() / m
        out.append({
            "reference": case(200 + seed, n, shapes[0]), "window": case(300 + seed, m, shapes[1]), "shift": shift,
            "kolmogorov_smirnov": float(stats.ks_2samp(reference, window).statistic),
            "wasserstein": float(stats.wasserstein_distance(reference, window)),
            "kolmogorov_smirnov_25": ks, "wasserstein_25": float(area)})
    return out


def rankings():
    """Scores with ties, targets, and expected targets: each row once as a positive and once as a negative."""
    out = []
    for seed, (n, shape) in enumerate([(40, "coarse"), (300, "coarse"), (500, "uniform"), (800, "cube")]):
        score, p = draws(400 + seed, n, shape), draws(500 + seed, n)
        target = (draws(600 + seed, n) < p).astype(int)
        score = score + p
        score = np.floor(score * 8) / 8 if shape == "coarse" else score
        both, twice, weight = np.repeat([1, 0], n), np.tile(score, 2), np.concatenate([p, 1 - p])
        above = (score[target == 1][:, None] > score[target == 0]) + 0.5 * (score[target == 1][:, None] == score[target == 0])
        rare = above.mean(axis=1) if target.mean() <= 0.5 else above.mean(axis=0)
        rng = np.random.default_rng(0)
        m = min(n // 2, 50_000)
        drawn = (rng.integers(0, n, m) for _ in range(4000))
        resampled = [average_precision_score(target[rows], score[rows]) for rows in drawn]
        out.append({
            "n": n, "shape": shape, "seeds": [400 + seed, 500 + seed, 600 + seed],
            "roc_auc": float(roc_auc_score(target, score)), "average_precision": float(average_precision_score(target, score)),
            "expected_roc_auc": float(roc_auc_score(both, twice, sample_weight=weight)),
            "expected_average_precision": float(average_precision_score(both, twice, sample_weight=weight)),
            "roc_auc_error_for_100_rows": float(rare.std() / math.sqrt(100 * min(target.mean(), 1 - target.mean()))),
            "average_precision_error_for_100_rows": float(np.std(resampled) * math.sqrt(m / 100))})
    return out


def windows_of_vectors():
    """What the peer's binary windows give where vigie departs from it, and the mended Wasserstein distance."""
    given = json.loads((HERE / "vectors.json").read_text())
    binary, out = given["binary"], {"expected_roc_auc": [], "expected_average_precision": []}
    score = np.array(binary["reference"]["p"] + binary["analysis"]["p"])
    p = np.interp(score, binary["isotonic"]["x"], binary["isotonic"]["y"])
    for start in range(0, len(score), 100):
        rows = slice(start, start + 100)
        both, twice = np.repeat([1, 0], 100), np.tile(score[rows], 2)
        weight = np.concatenate([p[rows], 1 - p[rows]])
        out["expected_roc_auc"].append(float(roc_auc_score(both, twice, sample_weight=weight)))
        out["expected_average_precision"].append(float(average_precision_score(both, twice, sample_weight=weight)))
    values = np.array([v for v in given["summary"]["with_missing"][: given["summary"]["reference_rows"]] if v is not None])
    s, centre = values.std(ddof=1), values.mean()
    out["standard_deviation_error_for_91_rows"] = float(
        math.sqrt((np.mean((values - centre) ** 4) - 88 / 90 * s**4) / 91) / (2 * s))
    out["median_error_for_91_rows"] = float(0.5 / math.sqrt(91) / stats.gaussian_kde(values)(np.median(values))[0])
    return out


def isotonic():
    out = []
    for seed, (n, shape) in enumerate([(1, "uniform"), (30, "coarse"), (400, "coarse"), (1500, "uniform"), (1500, "cube")]):
        score = draws(700 + seed, n, shape)
        target = (draws(800 + seed, n) < score / score.max()).astype(int)
        model = IsotonicRegression(out_of_bounds="clip").fit(score, target)
        asked = draws(900 + seed, 40) * 1.5 * score.max() - 0.2
        out.append(case(700 + seed, n, shape, target_seed=800 + seed, asked_seed=900 + seed,
                        scores=model.X_thresholds_.tolist(), probabilities=model.y_thresholds_.tolist(),
                        calibrated=model.predict(asked).tolist()))
    return out


def splits():
    out = []
    for n, positives, seed in [(11, 2, 42), (20, 10, 42), (37, 5, 42), (100, 50, 7), (250, 77, 42), (70, 35, 1)]:
        target = (np.arange(n) * 17 % n < positives).astype(int)
        found = list(StratifiedShuffleSplit(n_splits=10, test_size=0.1, random_state=seed).split(target, target))
        out.append({"n": n, "positives": positives, "seed": seed, "tests": [test.tolist() for _, test in found],
                    "first_train": found[0][0].tolist(), "last_train": found[-1][0].tolist()})
    return out


def main(out):
    made = {
        "doane": doane(), "deciles": deciles(), "counts": counts(), "p_values": p_values(), "distributions": distributions(),
        "rankings": rankings(), "windows_of_vectors": windows_of_vectors(), "isotonic": isotonic(), "splits": splits()}
    lines = [f'"{name}":{json.dumps(value, separators=(",", ":"))}' for name, value in made.items()]
    Path(out).write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else HERE / "independent.json")
