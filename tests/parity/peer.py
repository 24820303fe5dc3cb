"""NannyML on the cases that are asked for, one a line: FOLDER set NAME LIMIT, or FOLDER world KIND SEED ROUND.

Writes into the folder what `vigie check` needs (reference.parquet, analysis.parquet, vigie.toml) and what NannyML says
(peer.jsonl: kind, metric, column, data set, window, field, figure, and where it is wrong an id and the right figure; or
a calculator and its error), and answers "done".
"""

import json
import math
import os
import sys
import warnings

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
warnings.filterwarnings("ignore")

import logging

logging.disable(logging.CRITICAL)

import nannyml as nml
import numpy as np
import pandas as pd
from nannyml import calibration

import sets
import worlds
from case import PERIODS
from mended import mended

FIELDS = {
    "upper_confidence_boundary": "upper_confidence",
    "lower_confidence_boundary": "lower_confidence",
    "sampling_error": "sampling_error",
    "upper_threshold": "upper_threshold",
    "lower_threshold": "lower_threshold",
    "alert": "breach",
    "value": "value",
}
METHODS = ["kolmogorov_smirnov", "jensen_shannon", "wasserstein", "hellinger", "chi2", "l_infinity"]
CLOSE = 0.02  # of two calibration errors; the order of tied scores may move one by as much

decisions = []
expected_error = calibration._calculate_expected_calibration_error


def remembered(*args, **kwargs):
    """The calibration error, kept: the decision compares two of them."""
    error = expected_error(*args, **kwargs)
    decisions.append(error)
    return error


calibration._calculate_expected_calibration_error = remembered


def calculators(case):
    """By kind and metric (none where the column says it) what has to be fitted."""
    rule, much = case.window
    of = {"chunk_size": much} if rule == "size" else {"chunk_number": much} if rule == "number" else {
        "chunk_period": PERIODS[much], "timestamp_column_name": case.timestamp}
    columns = case.columns()
    numbers = [column for column in columns if not case.is_categorical(column)]
    labels = [column for column in columns if case.is_categorical(column)]
    features = case.features
    if "drift" in case.methods:
        yield "drift", None, nml.UnivariateDriftCalculator(
            column_names=columns, treat_as_categorical=[column for column in labels if case.reference[column].dtype.kind in "iuf"],
            continuous_methods=METHODS[:4], categorical_methods=["chi2", "jensen_shannon", "l_infinity", "hellinger"], **of)
    if "quality" in case.methods:
        yield "quality", "missing_rate", nml.MissingValuesCalculator(column_names=columns, normalize=case.rates, **of)
        # It takes no floats for categories, and what it makes of whole numbers fails where one is missing.
        texts = [column for column in labels if case.reference[column].dtype.kind not in "f"]
        yield "quality", "unseen_rate", nml.UnseenValuesCalculator(column_names=texts, normalize=case.rates, **of)
        yield "quality", "out_of_range_rate", nml.NumericalRangeCalculator(column_names=numbers, normalize=case.rates, **of)
    if "summary" in case.methods:
        for metric, calculator in [
            ("mean", nml.SummaryStatsAvgCalculator),
            ("standard_deviation", nml.SummaryStatsStdCalculator),
            ("median", nml.SummaryStatsMedianCalculator),
            ("sum", nml.SummaryStatsSumCalculator),
        ]:
            yield "summary", metric, calculator(column_names=numbers, **of)
        yield "summary", "rows", nml.SummaryStatsRowCountCalculator(**of)
    if "reconstruction" in case.methods:
        yield "drift", "reconstruction_error", nml.DataReconstructionDriftCalculator(column_names=features, **of)
    if "classifier" in case.methods:
        classifier = nml.DomainClassifierCalculator(feature_column_names=features, **of)
        classifier.hyperparameters = dict(classifier.hyperparameters, n_jobs=1, verbose=-1)
        yield "drift", "domain_classifier", classifier
    outcome = dict(y_pred=case.prediction, y_true=case.target, metrics=case.metrics(), **of)
    if case.problem == "regression":
        # Its trees with as many threads as there are cores would wait for each other.
        yield "estimated", None, nml.DLE(feature_column_names=features, **outcome)
        yield "realized", None, nml.PerformanceCalculator(problem_type="regression", **outcome)
    elif case.problem != "none":
        normalize = {key: None if value == "none" else value for key, value in case.normalize.items()}
        outcome |= dict(y_pred_proba=case.score, problem_type=f"classification_{case.problem}", business_value_matrix=case.value,
                        normalize_confusion_matrix=normalize.get("confusion_matrix"),
                        normalize_business_value=normalize.get("business_value"))
        yield "estimated", None, nml.CBPE(**outcome)
        yield "realized", None, nml.PerformanceCalculator(**outcome)


def figures(kind, metric, result, columns):
    """In vigie's words: by kind, metric and column, by data set and field, the figures of the windows; and by data set
    the first and the last row of each window."""
    groups, windows = {}, {}
    for dataset in ("reference", "analysis"):
        table = result.filter(period=dataset).to_df(multilevel=False)
        windows[dataset] = list(zip(table["chunk_start_index"].astype(int), table["chunk_end_index"].astype(int)))
        for name in table.columns:
            theirs = next((field for field in FIELDS if name.endswith(f"_{field}")), None)
            stem = name.removesuffix(f"_{theirs}")
            if theirs is None or stem == "chunk":
                continue
            of, column = metric, None
            if kind == "drift" and metric is None:
                of = next(method for method in METHODS if stem.endswith(f"_{method}"))
                column = stem.removesuffix(f"_{of}")
            elif metric is None:
                of = stem
            elif stem in columns:
                column = stem
            group = groups.setdefault((kind, of, column), {})
            group.setdefault(dataset, {})[FIELDS[theirs]] = [plain(figure) for figure in table[name]]
    return groups, windows


def plain(figure):
    """As JSON has it; what is undefined is null."""
    if figure is None or figure is pd.NaT:
        return None
    if isinstance(figure, (bool, np.bool_)):
        return bool(figure)
    number = float(figure)
    return None if math.isnan(number) else str(number) if math.isinf(number) else number


def decided(case, calculator):
    """Whether CBPE calibrates, where the order of tied scores could have decided otherwise."""
    if case.problem == "binary":
        made = [(None, calculator.needs_calibration)]
    else:
        # Classes in order, as it went through them.
        made = [(name, not isinstance(calculator._calibrators[name], calibration.NoopCalibrator))
                for name in calculator._calibrators]
    pairs = list(zip(decisions[::2], decisions[1::2]))
    close = {name: "isotonic" if yes else "none" for (name, yes), (before, after) in zip(made, pairs) if abs(before - after) < CLOSE}
    if close:
        case.calibration = close.get(None) or close


def run(folder, case):
    """Everything of one case into its folder."""
    case.reference.to_parquet(f"{folder}/reference.parquet", index=False)
    case.analysis.to_parquet(f"{folder}/analysis.parquet", index=False)
    # Only drift of columns can be told that numbers are labels.
    for rows in (case.reference, case.analysis):
        rows[case.categorical] = rows[case.categorical].astype(str)
    with open(f"{folder}/peer.jsonl", "w") as out:
        for kind, metric, calculator in calculators(case):
            name = type(calculator).__name__
            decisions.clear()
            try:
                calculator.fit(case.reference)
                if name == "CBPE":
                    decided(case, calculator)
                score = calculator.estimate if hasattr(calculator, "estimate") else calculator.calculate
                result = score(case.analysis)
            except Exception as error:
                print(json.dumps([name, f"{type(error).__name__}: {error}"]), file=out)
                continue
            groups, windows = figures(kind, metric, result, case.columns())
            right = mended(case, groups, windows, calculator)
            for key, of in groups.items():
                for dataset, fields in of.items():
                    for field, column in fields.items():
                        for window, figure in enumerate(column):
                            full = (*key, dataset, window, field)
                            print(json.dumps([*full, figure, *right.get(full, ())]), file=out)
    with open(f"{folder}/vigie.toml", "w") as out:
        out.write(case.settings())


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # LightGBM is talkative
    for line in sys.stdin:
        folder, source, *what = line.rstrip("\n").split("\t")
        if source == "set":
            case = sets.case(what[0], int(what[1]))
        else:
            case = worlds.world(what[0], int(what[1]), int(what[2]))
        run(folder, case)
        print("done", file=answers, flush=True)


main()
