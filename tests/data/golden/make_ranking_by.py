"""Writes ranking_by.json: how NannyML ranks columns by all else that its rankers take beside drift.

Versions are in README.md. `python make_ranking_by.py`. The figures that are ranked stand beside the ranks: the data set
with faults and the one of prices.
"""

import json
import math
import os
import warnings

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
warnings.filterwarnings("ignore")

import nannyml as nml

SETS = {
    "car_loan_data_quality": {
        "load": nml.load_synthetic_car_loan_data_quality_dataset,
        "size": 5000,
        "short": 2500,  # the last windows, so that numbers of rows differ
        "target": "repaid",
        "score": "y_pred_proba",
        "numbers": ["car_value", "debt_to_income_ratio", "driver_tenure", "y_pred_proba"],
        "labels": ["salary_range", "repaid_loan_on_prev_car", "size_of_downpayment"],
    },
    "car_price": {
        "load": nml.load_synthetic_car_price_dataset,
        "size": 6000,
        "short": 0,
        "target": "y_true",
        "score": None,
        "numbers": ["car_age", "km_driven", "price_new", "accident_count", "door_count", "y_pred"],
        "labels": ["fuel", "transmission"],
    },
}


def plain(value):
    if isinstance(value, float) and math.isnan(value):
        return None
    return value.item() if hasattr(value, "item") else value


def table(frame):
    return {name: [plain(value) for value in column] for name, column in frame.to_dict("list").items()}


def figures(result):
    """Values and alerts of what is ranked, by the column that it is of."""
    return {
        key.display_names[0]: {
            "value": [plain(float(value)) for value in result.values(key)],
            "alert": [bool(alert) for alert in result.alerts(key)],
        }
        for key in result.keys()
    }


def of(of_set):
    reference, analysis, targets = of_set["load"]()
    size, short = of_set["size"], of_set["short"]
    reference, analysis = reference.iloc[: len(reference) - short], analysis.iloc[: len(analysis) - short]
    rows = analysis.merge(targets, on="id") if "id" in targets else analysis.join(targets)
    score, target = of_set["score"], of_set["target"]
    numbers, labels = of_set["numbers"], of_set["labels"]
    if score:
        common = dict(
            y_pred_proba=score,
            y_pred="y_pred",
            y_true=target,
            problem_type="classification_binary",
            metrics=["roc_auc"],
            chunk_size=size,
        )
        estimator, calculator = nml.CBPE(**common), nml.PerformanceCalculator(**common)
    else:
        common = dict(y_pred="y_pred", y_true=target, metrics=["mae"], chunk_size=size)
        features = [name for name in [*numbers, *labels] if name != "y_pred"]
        estimator = nml.DLE(feature_column_names=features, **common)
        calculator = nml.PerformanceCalculator(problem_type="regression", **common)
    performance = {
        "estimated": estimator.fit(reference).estimate(analysis),
        "realized": calculator.fit(reference).calculate(rows),
    }
    ranked = {
        "missing_rate": nml.MissingValuesCalculator(column_names=[*numbers, *labels], chunk_size=size),
        "unseen_rate": nml.UnseenValuesCalculator(column_names=labels, chunk_size=size),
        "mean": nml.SummaryStatsAvgCalculator(column_names=numbers, chunk_size=size),
        "standard_deviation": nml.SummaryStatsStdCalculator(column_names=numbers, chunk_size=size),
        "median": nml.SummaryStatsMedianCalculator(column_names=numbers, chunk_size=size),
        "sum": nml.SummaryStatsSumCalculator(column_names=numbers, chunk_size=size),
        "rows": nml.SummaryStatsRowCountCalculator(chunk_size=size),
    }
    metric = common["metrics"][0]
    found = {"metric": metric, "performance": {}, "by": {}}
    for kind, result in performance.items():
        both = {}
        for period in ["reference", "analysis"]:
            values = result.filter(period=period).to_df()[(metric, "value")]
            both[period] = [plain(float(value)) for value in values]
        found["performance"][kind] = both
    for name, calculator in ranked.items():
        result = calculator.fit(reference).calculate(analysis).filter(period="analysis")
        ranks = {"figures": figures(result), "alert_count": table(nml.AlertCountRanker().rank(result))}
        for kind, of_kind in performance.items():
            ranker = nml.CorrelationRanker().fit(of_kind.filter(period="reference"))
            ranks[kind] = table(ranker.rank(result, of_kind.filter(period="analysis")))
        found["by"][name] = ranks
    return found


with open("ranking_by.json", "w") as out:
    json.dump({name: of(of_set) for name, of_set in SETS.items()}, out, indent=1)
    out.write("\n")
