"""Writes ranking.json: how NannyML ranks the columns of its own data sets, and what it ranks them by.

Versions are in README.md. `python make_ranking.py`. Windows and columns are those of car_loan.json, multiclass.json and
car_price.json, whose files have the figures themselves.
"""

import json
import os
import warnings

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
warnings.filterwarnings("ignore")

import nannyml as nml
import pandas as pd

CARDS = ["prepaid_card", "highstreet_card", "upmarket_card"]
SETS = {
    "car_loan": {
        "load": nml.load_synthetic_car_loan_dataset,
        "problem": "classification_binary",
        "target": "repaid",
        "score": "y_pred_proba",
        "size": 5000,
        "features": "car_value salary_range debt_to_income_ratio loan_length repaid_loan_on_prev_car"
        " size_of_downpayment driver_tenure",
    },
    "multiclass": {
        "load": nml.load_synthetic_multiclass_classification_dataset,
        "problem": "classification_multiclass",
        "target": "y_true",
        "score": {card: f"y_pred_proba_{card}" for card in CARDS},
        "size": 6000,
        "features": "acq_channel app_behavioral_score requested_credit_limit app_channel"
        " credit_bureau_score stated_income is_customer",
    },
    "car_price": {
        "load": nml.load_synthetic_car_price_dataset,
        "problem": "regression",
        "target": "y_true",
        "score": None,
        "size": 6000,
        "features": "car_age km_driven price_new accident_count door_count fuel transmission",
    },
}


def plain(frame):
    return {
        name: [None if pd.isna(value) else value for value in column]
        for name, column in frame.to_dict("list").items()
    }


def of(one, of_set):
    reference, analysis, targets = of_set["load"]()
    rows = analysis.merge(targets, on="id")
    score, target, size = of_set["score"], of_set["target"], of_set["size"]
    features = of_set["features"].split()
    scores = list(score.values()) if isinstance(score, dict) else [score] if score else []
    drift = nml.UnivariateDriftCalculator(
        column_names=[*features, "y_pred", *scores],
        treat_as_categorical=["y_pred"] if score else [],
        continuous_methods=["jensen_shannon"],
        categorical_methods=["jensen_shannon"],
        chunk_size=size,
    )
    if score:
        metric = "roc_auc"
        common = dict(
            y_pred_proba=score,
            y_pred="y_pred",
            y_true=target,
            problem_type=of_set["problem"],
            metrics=[metric],
            chunk_size=size,
        )
        estimator, calculator = nml.CBPE(**common), nml.PerformanceCalculator(**common)
    else:
        metric = "mae"
        common = dict(y_pred="y_pred", y_true=target, metrics=[metric], chunk_size=size)
        estimator = nml.DLE(feature_column_names=features, **common)
        calculator = nml.PerformanceCalculator(problem_type="regression", **common)
    drift.fit(reference)
    drifted = drift.calculate(analysis)
    estimator.fit(reference)
    calculator.fit(reference)
    performance = {"estimated": estimator.estimate(analysis), "realized": calculator.calculate(rows)}
    found = {"metric": metric}
    for period in ["all", "analysis"]:
        columns = drifted.filter(period=period)
        ranks = {"alert_count": plain(nml.AlertCountRanker().rank(columns))}
        for kind, result in performance.items():
            ranker = nml.CorrelationRanker()
            ranker.fit(result.filter(period="reference"))
            ranks[kind] = plain(ranker.rank(columns, result.filter(period=period)))
        found[period] = ranks
    return found


with open("ranking.json", "w") as out:
    json.dump({name: of(name, of_set) for name, of_set in SETS.items()}, out, indent=1)
    out.write("\n")
