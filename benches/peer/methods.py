"""The methods of NannyML that the benches hold vigie against, on the rows of the benches."""

import os

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml as nml

NUMBERS = [f"f{k:02}" for k in range(8)]
CATEGORIES = [f"c{k:02}" for k in range(2)]
CONTINUOUS = [*NUMBERS, "y_pred_proba"]
COLUMNS = [*NUMBERS, *CATEGORIES, "y_pred_proba", "y_pred", "target"]
PERFORMANCE = ["roc_auc", "average_precision", "f1", "precision", "recall", "specificity", "accuracy"]


def calculators(size):
    """By name what has to be fitted; after it `estimate` or `calculate` takes the rows to be scored."""
    outcome = dict(y_pred_proba="y_pred_proba", y_pred="y_pred", y_true="target",
                   problem_type="classification_binary", metrics=PERFORMANCE, chunk_size=size)
    of = dict(chunk_size=size)
    return {
        "cbpe": nml.CBPE(**outcome),
        "realized": nml.PerformanceCalculator(**outcome),
        "drift": nml.UnivariateDriftCalculator(
            column_names=COLUMNS, treat_as_categorical=["y_pred", "target"],
            continuous_methods=["kolmogorov_smirnov", "jensen_shannon", "wasserstein", "hellinger"],
            categorical_methods=["chi2", "jensen_shannon", "l_infinity", "hellinger"], **of),
        "missing_rate": nml.MissingValuesCalculator(column_names=COLUMNS, **of),
        "unseen_rate": nml.UnseenValuesCalculator(column_names=CATEGORIES, **of),
        "out_of_range_rate": nml.NumericalRangeCalculator(column_names=CONTINUOUS, **of),
        "mean": nml.SummaryStatsAvgCalculator(column_names=CONTINUOUS, **of),
        "standard_deviation": nml.SummaryStatsStdCalculator(column_names=CONTINUOUS, **of),
        "median": nml.SummaryStatsMedianCalculator(column_names=CONTINUOUS, **of),
        "sum": nml.SummaryStatsSumCalculator(column_names=CONTINUOUS, **of),
        "rows": nml.SummaryStatsRowCountCalculator(**of),
    }


def score(calculator, rows):
    """The figures of rows by a fitted calculator."""
    return calculator.estimate(rows) if hasattr(calculator, "estimate") else calculator.calculate(rows)


def figures(name, result):
    """Every value of the scored windows: (kind, metric, column, window), value."""
    table = result.filter(period="analysis").to_df(multilevel=False)
    for key in table.columns:
        if not key.endswith("_value"):
            continue
        stem = key.removesuffix("_value")
        if name in ("cbpe", "realized"):
            kind, metric, column = ("estimated" if name == "cbpe" else "realized"), stem, None
        elif name == "drift":
            column = next(c for c in sorted(COLUMNS, key=len, reverse=True) if stem.startswith(c + "_"))
            kind, metric = "drift", stem.removeprefix(column + "_")
        elif name == "rows":
            kind, metric, column = "summary", "rows", None
        else:
            kind, metric, column = ("quality" if name.endswith("_rate") else "summary"), name, stem
        for window, value in enumerate(table[key]):
            yield [kind, metric, column, window], float(value)
