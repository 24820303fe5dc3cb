"""Computes vectors.json: what NannyML says about the small inputs that the file itself holds.

usage: python make_vectors.py [OUT]     (versions: README.md)

Reads the inputs from vectors.json beside it and writes them back with what the installed NannyML makes of them,
so that another version's figures are one command away.
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
from nannyml.calibration import IsotonicCalibrator, NoopCalibrator, needs_calibration
from nannyml.calibration import _calculate_expected_calibration_error as calibration_error
from nannyml.calibration import _get_bin_index_edges as bin_edges
from nannyml.chunk import SizeBasedChunker
from nannyml.drift.univariate.methods import FeatureType, MethodFactory
from nannyml.sampling_error import binary_classification as errors
from nannyml.thresholds import StandardDeviationThreshold, calculate_threshold_values

from make_independent import draws

HERE = Path(__file__).parent
METRICS = ["roc_auc", "average_precision", "f1", "precision", "recall", "specificity", "accuracy"]
CELLS = ["true_positive", "true_negative", "false_positive", "false_negative"]
LEAVES = ["value", "sampling_error", "realized", "upper_confidence_boundary", "lower_confidence_boundary",
          "upper_threshold", "lower_threshold"]


def plain(value):
    if isinstance(value, (list, tuple, np.ndarray, pd.Series)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (str, bool, np.bool_)):
        return value if value is None or isinstance(value, str) else bool(value)
    return None if math.isnan(value) else (int(value) if isinstance(value, (int, np.integer)) else float(value))


def thresholds(cases):
    for case in cases:
        rule = StandardDeviationThreshold(case["lower_mult"], case["upper_mult"])
        data = np.array([np.nan if v is None else v for v in case["data"]], float)
        low, high = case["lim"]
        found = calculate_threshold_values(rule, data, low, high, override_using_none=case["none"])
        case["result"] = plain(found)
    return cases


def univariate(given, kind, methods):
    reference = pd.Series(given["reference"], name="x")
    window = pd.Series(given["window"], name="x")
    rows, given["methods"] = given["reference_window_rows"], {}
    for name, key, params in methods:
        method = MethodFactory.create(
            key=key, feature_type=kind, chunker=SizeBasedChunker(rows), computation_params=params,
            threshold=StandardDeviationThreshold(None, 3))
        method.fit(reference)
        out = {"value": plain(method.calculate(window)), "upper_threshold": plain(method.upper_threshold_value)}
        if name == "jensen_shannon" and kind == FeatureType.CONTINUOUS:
            out["bins"] = plain(method._bins)
            out["reference_shares"] = plain(method._reference_proba_in_bins)
        if name == "chi2":
            out["p_value"] = plain(method._p_value)
        given["methods"][name] = out
    return given


def table(result, names, leaves):
    data, out = result.to_df(), {}
    for name in names:
        out[name] = {leaf: plain(data[(name, leaf)]) for leaf in leaves if (name, leaf) in data}
    return out


def binary(given):
    reference, analysis = pd.DataFrame(given["reference"]), pd.DataFrame(given["analysis"])
    y, predicted, score = reference["y_true"], reference["y_pred"], reference["p"]
    worth, window = np.array(given["business_value_matrix"]), analysis
    found = {}
    for metric in METRICS[2:]:
        components = getattr(errors, f"{metric}_sampling_error_components")(y, predicted)
        found[metric] = getattr(errors, f"{metric}_sampling_error")(components, window)
    components = errors.auroc_sampling_error_components(y, score)
    found["roc_auc"] = errors.auroc_sampling_error(components, window)
    for cell in CELLS:
        for by in (None, "all", "true", "pred"):
            components = getattr(errors, f"{cell}_sampling_error_components")(y, predicted, by)
            error = getattr(errors, f"{cell}_sampling_error")(components, window)
            found[f"{cell}|{by or 'none'}"] = error
    for by in (None, "per_prediction"):
        components = errors.business_value_sampling_error_components(y, predicted, worth, by)
        found[f"business_value|{by or 'none'}"] = errors.business_value_sampling_error(components, window)
    given["sampling_errors_for_200_rows"] = {name: plain(value) for name, value in found.items()}

    given["needs_calibration"] = bool(needs_calibration(y, score, IsotonicCalibrator()))
    calibrator = IsotonicCalibrator()
    calibrator.fit(score, y)
    given["isotonic"] = {"x": plain(calibrator._regressor.X_thresholds_), "y": plain(calibrator._regressor.y_thresholds_)}
    given["calibrated_analysis"] = plain(calibrator.calibrate(analysis["p"]))

    edges = bin_edges(len(y), 10)
    given["calibration_error"] = plain(calibration_error(y.to_numpy(), score.to_numpy(), edges))

    common = dict(
        y_pred_proba="p", y_pred="y_pred", y_true="y_true", problem_type="classification_binary", chunk_size=100)
    everything = dict(metrics=METRICS + ["confusion_matrix", "business_value"], business_value_matrix=worth)
    names = METRICS + CELLS + ["business_value"]
    for key, calibrator in (("cbpe", None), ("cbpe_uncalibrated", NoopCalibrator())):
        estimator = nml.CBPE(**common, **everything, calibrator=calibrator)
        estimator.fit(reference)
        given[key] = table(estimator.estimate(analysis), names, LEAVES)
        # Drawn without a seed.
        for leaf in ("sampling_error", "upper_confidence_boundary", "lower_confidence_boundary"):
            given[key]["average_precision"].pop(leaf)
    for by in ("all", "true", "pred"):
        estimator = nml.CBPE(**common, metrics=["confusion_matrix"], normalize_confusion_matrix=by)
        estimator.fit(reference)
        given[f"cbpe_cells_{by}"] = table(estimator.estimate(analysis), CELLS, ["value"])
    calculator = nml.PerformanceCalculator(**common, **everything)
    calculator.fit(reference)
    given["realized"] = table(calculator.calculate(analysis), names, ["value"])
    return given


def summary(given):
    data = pd.DataFrame({name: np.array(given[name], float) for name in ("complete", "with_missing")})
    reference, analysis = data[: given["reference_rows"]], data[given["reference_rows"]:].reset_index(drop=True)
    calculators = {
        "mean": nml.SummaryStatsAvgCalculator, "standard_deviation": nml.SummaryStatsStdCalculator,
        "median": nml.SummaryStatsMedianCalculator, "sum": nml.SummaryStatsSumCalculator,
        "missing_rate": nml.MissingValuesCalculator}
    for name, kind in calculators.items():
        calculator = kind(column_names=list(data), chunk_size=given["window_rows"])
        calculator.fit(reference)
        given[name] = table(calculator.calculate(analysis), list(data), LEAVES)
    return given


def decisions():
    """Whether calibration is needed, far from the border between yes and no."""
    out = []
    cases = [(11, "cubed"), (60, "cubed"), (500, "cubed"), (3000, "cubed"), (400, "separated"), (1000, "halved"), (200, "true")]
    for seed, (n, kind) in enumerate(cases):
        u, drawn = draws(1000 + seed, n), draws(1100 + seed, n)
        score = {"cubed": u * u * u, "true": u, "halved": u / 2 + 0.25, "separated": u}[kind]
        target = (drawn < ((u > 0.5) * 1.0 if kind == "separated" else u)).astype(int)
        needed = bool(needs_calibration(target, score, IsotonicCalibrator()))
        out.append({"n": n, "kind": kind, "seeds": [1000 + seed, 1100 + seed], "needed": needed})
    return out


def main(out):
    given = json.loads((HERE / "vectors.json").read_text())
    estimated = {"calculation_method": "estimated", "n_bins": 40}
    made = {
        "made_by": f"NannyML {nml.__version__}",
        "thresholds": thresholds(given["thresholds"]),
        "univariate_continuous": univariate(given["univariate_continuous"], FeatureType.CONTINUOUS, [
            *((name, name, {}) for name in ("jensen_shannon", "hellinger", "kolmogorov_smirnov", "wasserstein")),
            ("kolmogorov_smirnov_estimated_40", "kolmogorov_smirnov", {"kolmogorov_smirnov": {}, **estimated}),
            ("wasserstein_estimated_40", "wasserstein", {"wasserstein": {}, **estimated})]),
        "univariate_categorical": univariate(given["univariate_categorical"], FeatureType.CATEGORICAL, [
            (name, name, {}) for name in ("jensen_shannon", "hellinger", "chi2", "l_infinity")]),
        "binary": binary(given["binary"]),
        "summary": summary(given["summary"]),
        "calibration_decisions": decisions(),
    }
    lines = [f'"{name}":{json.dumps(value, separators=(",", ":"))}' for name, value in made.items()]
    Path(out).write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else HERE / "vectors.json")
