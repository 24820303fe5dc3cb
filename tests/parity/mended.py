"""What NannyML's figures should be where it is wrong, by numpy from the definitions: no code of vigie's, none of its own.

`mended` gives for such figures an id (those of tests/data/golden/README.md) and the right figure. vigie is held against
that one, as strictly as against any other.
"""

import copy
import math

import numpy as np

DATASETS = ("reference", "analysis")
RATIOS = {"roc_auc", "average_precision", "f1", "precision", "recall", "specificity", "accuracy"}
BINNED = 10_000  # a reference of as many values or more is kept in so many bins
TINY = 1e-12


def mended(case, groups, windows, calculator):
    """By key, field by field, an id and the right figure. `groups` has by kind, metric and column the figures by data set
    and field; `windows` the first and last row of each."""
    rows = {name: [getattr(case, name).iloc[first : last + 1] for first, last in windows[name]] for name in DATASETS}
    out = {}
    for key, figures in groups.items():
        right = Right(figures)
        if key[1:] == ("missing_rate", case.target):
            nothing = {name: [None] * len(rows[name]) for name in DATASETS}
            for field in figures["reference"]:
                right.every("a target that is missing has not come yet: coverage tells of it, no missing_rate", field, nothing)
        else:
            mend(case, key, right, rows, calculator)
            right.judge(key)
        for (dataset, field, window), (why, figure) in right.changed.items():
            out[(*key, dataset, window, field)] = why, figure
    return out


class Right:
    """The figures of one metric, as they are mended."""

    def __init__(self, figures):
        self.now = copy.deepcopy(figures)
        self.changed = {}

    def set(self, why, dataset, field, window, figure):
        figure = None if figure is None or math.isnan(figure) else float(figure)
        self.now[dataset][field][window] = figure
        self.changed[dataset, field, window] = why, figure

    def every(self, why, field, figures):
        """One field of all windows, by data set."""
        for dataset in DATASETS:
            for window, figure in enumerate(figures[dataset]):
                self.set(why, dataset, field, window, figure)

    def thresholds(self, why, values, low=None, high=None):
        """Three standard deviations around the mean of these."""
        values = np.array([math.nan if value is None else value for value in values], dtype=float)
        values = values[~np.isnan(values)]
        if not len(values):
            return
        for field, limit in [("lower_threshold", values.mean() - 3 * values.std()), ("upper_threshold", values.mean() + 3 * values.std())]:
            limit = limit if low is None else max(limit, low)
            limit = limit if high is None else min(limit, high)
            self.every(why, field, {name: [limit] * len(self.now[name]["value"]) for name in DATASETS})

    def upper_threshold(self, why, values):
        """The same, for drift of a column."""
        values = np.array([value for value in values if value is not None and not math.isnan(value)])
        limit = values.mean() + 3 * values.std()
        self.every(why, "upper_threshold", {name: [limit] * len(self.now[name]["value"]) for name in DATASETS})

    def confidence(self, why, low=-math.inf, high=math.inf):
        """Three errors to either side."""
        for dataset in DATASETS:
            fields = self.now[dataset]
            if "lower_confidence" not in fields:
                return
            for window, (value, error) in enumerate(zip(fields["value"], fields["sampling_error"])):
                known = value is not None and error is not None
                self.set(why, dataset, "lower_confidence", window, max(low, value - 3 * error) if known else None)
                self.set(why, dataset, "upper_confidence", window, min(high, value + 3 * error) if known else None)

    def judge(self, key):
        """A breach is a value strictly outside; what is undefined breaches nothing."""
        _, metric, _ = key
        for dataset in DATASETS:
            fields = self.now[dataset]
            for window, value in enumerate(fields["value"]):
                if value is None:
                    for field in ("sampling_error", "lower_confidence", "upper_confidence", "breach"):
                        if field in fields:
                            self.set("what has no value has no error, and breaches nothing", dataset, field, window, None)
                elif metric != "chi2":
                    lower, upper = fields["lower_threshold"][window], fields["upper_threshold"][window]
                    limits = [limit for limit in (lower, upper) if limit is not None]
                    if any(0 < abs(value - limit) <= TINY * abs(limit) for limit in limits):
                        continue  # rounding decides
                    outside = (lower is not None and value < lower) or (upper is not None and value > upper)
                    self.changed[dataset, "breach", window] = "B14: a breach is a value strictly outside", outside


def mend(case, key, right, rows, calculator):
    """What is wrong with one metric."""
    kind, metric, column = key
    if kind == "summary" and metric == "rows":
        if len({len(window) for window in rows["reference"]}) == 1:
            why = "windows of equal size have no spread of rows"
            nothing = {name: [None] * len(rows[name]) for name in DATASETS}
            right.every(why, "lower_threshold", nothing)
            right.every(why, "upper_threshold", nothing)
    elif kind == "summary":
        summary(case, metric, column, right, rows)
    elif metric == "unseen_rate":
        seen = set(case.reference[column].dropna())
        unseen = {name: [(~window[column].isin(seen) & window[column].notna()).agg("mean" if case.rates else "sum")
                         for window in rows[name]] for name in DATASETS}
        right.every("B62: missing values are not unseen ones", "value", unseen)
    elif kind == "drift" and metric in BINS:
        known = case.reference[column].dropna().to_numpy(dtype=float)
        if len(known) >= BINNED:
            why, measure = BINS[metric]
            values = {name: [measure(known, window[column].dropna().to_numpy(dtype=float)) for window in rows[name]]
                      for name in DATASETS}
            right.every(why, "value", values)
            right.upper_threshold(why, values["reference"])
    elif kind in ("estimated", "realized") and case.problem in ("binary", "multiclass"):
        Classes(case, kind, rows, calculator).mend(metric, right)


def summary(case, metric, column, right, rows):
    """Errors by the values that there are."""
    known = case.reference[column].dropna().to_numpy(dtype=float)
    spread = known.std(ddof=1)
    fourth = ((known - known.mean()) ** 4).mean()

    def error(count):
        if count == 0 or (metric == "standard_deviation" and count < 2):
            return None
        if metric == "mean":
            return spread / math.sqrt(count)
        if metric == "sum":
            return spread * math.sqrt(count)
        if metric == "median":
            width = spread * len(known) ** -0.2
            density = np.exp(-0.5 * ((np.median(known) - known) / width) ** 2).sum() / (len(known) * width * math.sqrt(2 * math.pi))
            return 1 / (2 * density * math.sqrt(count))
        variance = fourth - (count - 3) / (count - 1) * spread ** 4
        return math.sqrt(variance / count) / (2 * spread) if variance >= 0 and spread > 0 else None

    if metric == "median" and len(set(known)) == 1:
        why = "error of the median of a column that never changes: 0, there noise"
        right.every(why, "sampling_error", {name: [0.0 if value is not None else None for value in right.now[name]["value"]] for name in DATASETS})
    elif case.reference[column].isna().any() or case.analysis[column].isna().any():
        why = "B60, B61: errors of summary statistics by the values that there are"
        right.every(why, "sampling_error", {name: [error(int(window[column].notna().sum())) for window in rows[name]] for name in DATASETS})
        right.confidence(why, low=0.0 if metric == "standard_deviation" else -math.inf)


def bins(known, window):
    """Shares of reference and window in bins of equal width, and of the window's values below them."""
    low, high = known.min(), known.max()
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINNED + 1)
    before, now = np.histogram(known, edges)[0] / len(known), np.histogram(window, edges)[0] / len(window)
    return edges, np.cumsum(before), (window < low).sum() / len(window) + np.cumsum(now)


def kolmogorov_smirnov(known, window):
    if not len(window):
        return None
    _, before, now = bins(known, window)
    return max(np.abs(before - now).max(), (window < known.min()).sum() / len(window))


def wasserstein(known, window):
    if not len(window):
        return None
    edges, before, now = bins(known, window)
    beyond = np.maximum(edges[0] - window, 0.0).sum() + np.maximum(window - edges[-1], 0.0).sum()
    return (edges[1] - edges[0]) * np.abs(before - now).sum() + beyond / len(window)


BINS = {
    "kolmogorov_smirnov": ("B29: Kolmogorov-Smirnov looks at the left end too", kolmogorov_smirnov),
    "wasserstein": ("B31: Wasserstein counts the rows that there are", wasserstein),
}


def roc_auc(scores, positive):
    """Rows count as positive by a share of theirs; equal scores are one group."""
    _, group = np.unique(scores, return_inverse=True)
    ups, downs = np.bincount(group, positive), np.bincount(group, 1 - positive)
    if ups.sum() <= 0 or downs.sum() <= 0:
        return None
    below = np.cumsum(downs) - downs
    return (ups * (below + downs / 2)).sum() / (ups.sum() * downs.sum())


def average_precision(scores, positive):
    _, group = np.unique(-scores, return_inverse=True)
    ups, rows = np.bincount(group, positive), np.bincount(group)
    if ups.sum() <= 0:
        return None
    return (ups / ups.sum() * np.cumsum(ups) / np.cumsum(rows)).sum()


def scatter(scores, positive):
    """Of the ROC AUC: the variance by which the rarer class's rows stand above the other, and its share."""
    if positive.mean() > 0.5:
        scores, positive = 1 - scores, 1 - positive
    others = np.sort(scores[positive == 0])
    mine = scores[positive == 1]
    above = (np.searchsorted(others, mine, "left") + np.searchsorted(others, mine, "right")) / 2 / len(others)
    return above.var(), positive.mean()


class Classes:
    """Performance of two or several classes."""

    def __init__(self, case, kind, rows, calculator):
        self.case, self.kind, self.rows, self.calculator = case, kind, rows, calculator
        self.several = case.problem == "multiclass"
        self.names = sorted(case.score) if self.several else [0, 1]
        self.known = case.reference[case.reference[case.target].notna()]

    def used(self, rows, needs):
        """Rows that have what is needed."""
        return rows[rows[needs].notna().all(axis=1)]

    def probabilities(self, rows):
        """Of each class, calibrated."""
        if not self.several:
            score = rows[self.case.score].to_numpy(dtype=float)
            up = self.calculator.calibrator.calibrate(score) if self.calculator.needs_calibration else score
            return np.stack([1 - up, up], axis=1)
        each = [self.calculator._calibrators[name].calibrate(rows[self.case.score[name]].to_numpy(dtype=float)) for name in self.names]
        each = np.stack(each, axis=1)
        return each / each.sum(axis=1, keepdims=True)

    def cells(self, rows, realized=None):
        """Rows by true and predicted class."""
        predicted = rows[self.case.prediction].to_numpy()
        if realized or (realized is None and self.kind == "realized"):
            true = rows[self.case.target].to_numpy()
            return np.array([[((true == a) & (predicted == b)).sum() for b in self.names] for a in self.names], dtype=float)
        shares = self.probabilities(rows)
        return np.array([[shares[predicted == b, k].sum() for b in self.names] for k in range(len(self.names))])

    def by_window(self, measure, needs):
        """A figure of every window."""
        return {name: [measure(self.used(window, needs)) for window in self.rows[name]] for name in DATASETS}

    def mend(self, metric, right):
        case = self.case
        target = [case.target] if self.kind == "realized" else []
        scores = [*case.scores(), *target]
        outcome = [case.prediction, *target] + (case.scores() if self.kind == "estimated" else [])
        if metric in ("roc_auc", "average_precision"):
            measure = roc_auc if metric == "roc_auc" else average_precision
            if self.kind == "estimated":
                why = ("B50: several classes, tied scores as one group" if self.several else
                       "estimated ROC AUC, there rounded to five decimals of a row" if metric == "roc_auc" else
                       "B48: estimated average precision, tied scores as one group; there rounded too")
                right.every(why, "value", self.by_window(lambda rows: self.ranked(rows, measure), scores))
                right.confidence(why, 0.0, 1.0)
            if metric == "roc_auc":
                why = "B17, B18: error of ROC AUC from all rows, ties share their rank"
                before = right.now["reference"]["sampling_error"][0]
                right.every(why, "sampling_error", self.by_window(lambda rows: self.ranking_error(len(rows)), scores))
                after = right.now["reference"]["sampling_error"][0]
                if before is None or after is None or abs(before - after) > 1e-9 * after:
                    right.confidence(why, 0.0, 1.0)
            elif self.several and self.kind == "realized":
                why = "B59: average precision over the classes that there are"
                values = self.by_window(self.realized_precision, scores)
                right.every(why, "value", values)
                right.thresholds(why, values["reference"], 0.0, 1.0)
        elif metric == "f1" and self.several:
            why = "B22: error of F1 of several classes with its factor"
            right.every(why, "sampling_error", self.by_window(lambda rows: self.f1_error(len(rows)), outcome))
            right.confidence(why, 0.0, 1.0)
        elif metric == "business_value":
            self.business_value(right, outcome)
        elif metric.startswith("true_") and "_pred_" in metric and self.kind == "realized":
            self.cell(metric, right, outcome)

    def ranked(self, rows, measure):
        shares = self.probabilities(rows)
        if not self.several:
            return measure(rows[self.case.score].to_numpy(dtype=float), shares[:, 1])
        each = [measure(rows[self.case.score[name]].to_numpy(dtype=float), shares[:, k]) for k, name in enumerate(self.names)]
        return None if None in each else sum(each) / len(each)

    def realized_precision(self, rows):
        true = rows[self.case.target]
        if true.nunique() < 2:
            return None
        each = [average_precision(rows[self.case.score[name]].to_numpy(dtype=float), (true == name).to_numpy(dtype=float)) for name in self.names]
        there = [one for one in each if one is not None]
        return sum(there) / len(there)

    def ranking_error(self, count):
        if not count:
            return None
        known = self.known
        if not self.several:
            variance, share = scatter(known[self.case.score].to_numpy(dtype=float), known[self.case.target].to_numpy(dtype=float))
            return math.sqrt(variance / (count * share))
        total = 0.0
        for name in self.names:
            variance, share = scatter(known[self.case.score[name]].to_numpy(dtype=float), (known[self.case.target] == name).to_numpy(dtype=float))
            total += variance / (count * share)
        return 1.2 * math.sqrt(total) / len(self.names)

    def f1_error(self, count):
        if not count:
            return None
        cells, total = self.cells(self.known, realized=True), 0.0
        for k in range(len(self.names)):
            hit, missed, false = cells[k, k], cells[k].sum() - cells[k, k], cells[:, k].sum() - cells[k, k]
            rows = hit + missed + false
            share, factor = hit / rows, rows / (hit + (missed + false) / 2)
            total += factor ** 2 * share * (1 - share) / (count * rows / cells.sum())
        return math.sqrt(total) / len(self.names)

    def business_value(self, right, outcome):
        matrix = np.array(self.case.value)
        each = self.case.normalize.get("business_value") == "per_prediction"

        def value(rows, realized=None):
            if not len(rows):
                return None
            worth = (matrix * self.cells(rows, realized)).sum()
            return worth / len(rows) if each else worth

        why = ("B20: business value per prediction is by all rows" if each
               else "B53: one class in a window, the value matrix has fixed cells")
        right.every(why, "value", self.by_window(value, outcome))
        needs = [self.case.prediction, self.case.target]
        right.thresholds(why, [value(self.used(window, needs), True) for window in self.rows["reference"]])
        if self.several:
            why = "B19: error of the business value of several classes divides by all rows"
            for dataset in DATASETS:
                for window, error in enumerate(right.now[dataset]["sampling_error"]):
                    if error is not None:
                        right.set(why, dataset, "sampling_error", window, error * math.sqrt(1 - 1 / len(self.known)))
        right.confidence(why)

    def cell(self, metric, right, outcome):
        by = self.case.normalize.get("confusion_matrix", "none")
        a, b = ((k, j) for k, one in enumerate(self.names) for j, other in enumerate(self.names) if metric == f"true_{one}_pred_{other}").__next__()

        def share(rows):
            cells = self.cells(rows)
            # One class alone, true or predicted, is no matrix there and here.
            if (cells.sum(axis=0) > 0).sum() < 2 or (cells.sum(axis=1) > 0).sum() < 2:
                return None
            whole = {"none": 1.0, "all": cells.sum(), "true": cells[a].sum(), "pred": cells[:, b].sum()}[by]
            return cells[a, b] / whole if whole else None

        why = "a cell's share of no rows is undefined, there 0"
        values = self.by_window(share, outcome)
        right.every(why, "value", values)
        right.thresholds(why, values["reference"], 0.0, None if by == "none" else 1.0)
