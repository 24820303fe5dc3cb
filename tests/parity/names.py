"""All that NannyML has by name for its users, one a line: what it is, the name, and where.

Classes and exceptions of every module, what the package itself offers, the parameters of all that is made or called, the
names of metrics and methods, and the columns of results. Left out is what draws plots and what is private.
"""

import importlib
import inspect
import json
import logging
import os
import pkgutil
import sys
import warnings

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import nannyml as nml
from nannyml.drift.univariate.methods import MethodFactory
from nannyml.performance_calculation.metrics.base import MetricFactory as Realized
from nannyml.performance_estimation.confidence_based.metrics import MetricFactory as Estimated
from nannyml.performance_estimation.direct_loss_estimation.metrics import MetricFactory as Losses

# Plots, the command line's own classes and what is sent home are not called by name.
APART = ("nannyml.plots", "nannyml.cli", "nannyml.usage_logging", "nannyml.analytics", "nannyml.config", "nannyml.runner")
# What users call.
CALLED = ("fit", "calculate", "estimate", "rank", "filter", "plot", "compare", "to_df", "calibrate", "split", "thresholds",
          "write", "read", "store", "load")
# What users do not make: what stands behind the name of a metric or a method, results, and what is to be built on.
BEHIND = {"Metric", "Method", "AbstractResult", "Enum", "Chunk"}
ROWS = 900


def modules():
    yield nml
    for found in pkgutil.walk_packages(nml.__path__, "nannyml."):
        if not found.name.startswith(APART):
            try:
                yield importlib.import_module(found.name)
            except ImportError:  # an extra that is not installed
                print(f"{found.name} is left out", file=sys.stderr)


def is_ours(of):
    return getattr(of, "__module__", "").startswith("nannyml") and not of.__module__.startswith(APART)


def parameters(called):
    for name, parameter in inspect.signature(called).parameters.items():
        if name not in ("self", "cls") and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            yield name


def classes():
    """By alias, as they are imported: results are all called `Result`."""
    found = {}
    for module in modules():
        for name, of in vars(module).items():
            if inspect.isclass(of) and is_ours(of) and not name.startswith("_") and of.__module__ != "nannyml._typing":
                found[name, of] = module.__name__
    return found


def columns():
    """Of a small result of every kind, the name of a column without what it is of; where trees grow, it is as elsewhere."""
    reference, analysis, targets = nml.load_synthetic_car_loan_dataset()
    reference, analysis, targets = reference.head(ROWS), analysis.head(ROWS), targets.head(ROWS)
    cars, more_cars, prices = (frame.head(ROWS) for frame in nml.load_synthetic_car_price_dataset())
    labelled, priced = analysis.merge(targets, on="id"), more_cars.merge(prices, on="id")
    numbers, labels = ["car_value", "driver_tenure"], ["salary_range"]
    of = dict(chunk_number=3)
    classes = dict(y_pred_proba="y_pred_proba", y_pred="y_pred", y_true="repaid", problem_type="classification_binary",
                   metrics=["roc_auc", "confusion_matrix"], **of)
    losses = dict(y_pred="y_pred", y_true="y_true", metrics=["mae"], **of)
    for calculator in [
        nml.UnivariateDriftCalculator(column_names=numbers + labels, **of),
        nml.DataReconstructionDriftCalculator(column_names=numbers + labels, **of),
        nml.MissingValuesCalculator(column_names=numbers + labels, **of),
        nml.MissingValuesCalculator(column_names=numbers + labels, normalize=False, **of),
        nml.UnseenValuesCalculator(column_names=labels, **of),
        nml.NumericalRangeCalculator(column_names=numbers, **of),
        nml.SummaryStatsAvgCalculator(column_names=numbers, **of),
        nml.SummaryStatsStdCalculator(column_names=numbers, **of),
        nml.SummaryStatsMedianCalculator(column_names=numbers, **of),
        nml.SummaryStatsSumCalculator(column_names=numbers, **of),
        nml.SummaryStatsRowCountCalculator(**of),
        nml.CBPE(**classes),
        nml.PerformanceCalculator(**classes),
        nml.PerformanceCalculator(problem_type="regression", **losses),
    ]:
        regression = getattr(calculator, "y_true", None) == "y_true"
        fitted, scored = (cars, priced) if regression else (reference, labelled)
        calculator.fit(fitted)
        result = (calculator.estimate if hasattr(calculator, "estimate") else calculator.calculate)(scored)
        for name in result.to_df().columns:
            yield name[-1], type(calculator).__name__
    univariate = nml.UnivariateDriftCalculator(column_names=numbers + labels, continuous_methods=["jensen_shannon"],
                                               categorical_methods=["jensen_shannon"], **of)
    drift = univariate.fit(reference).calculate(analysis)
    performance = nml.CBPE(**{**classes, "metrics": ["roc_auc"]}).fit(reference).estimate(analysis)
    ranker = nml.CorrelationRanker().fit(performance.filter(period="reference"))
    for ranks in [nml.AlertCountRanker().rank(drift), ranker.rank(drift, performance)]:
        for name in ranks.columns:
            yield name, "rankers"


def quality():
    """Metrics that calculators make whose name is not in a factory."""
    some = dict(column_names=["x"])
    for calculator, rates in [(nml.MissingValuesCalculator, True), (nml.UnseenValuesCalculator, True), (nml.NumericalRangeCalculator, True)]:
        for normalize in [True, False]:
            yield calculator(normalize=normalize, **some).data_quality_metric
    for calculator in [nml.SummaryStatsAvgCalculator, nml.SummaryStatsStdCalculator, nml.SummaryStatsMedianCalculator, nml.SummaryStatsSumCalculator]:
        yield calculator(**some).simple_stats_metric
    yield nml.SummaryStatsRowCountCalculator().simple_stats_metric


def names():
    for name, of in vars(nml).items():
        if not name.startswith("_") and inspect.isfunction(of) and of.__module__.startswith("nannyml"):
            yield "function", name, "nannyml"
    yield "class", "DatabaseWriter", "nannyml"  # of an extra
    for (name, of), module in classes().items():
        yield "class", name, module
        if issubclass(of, Exception):
            continue
        bases = {base.__name__ for base in of.__mro__}
        # Whoever has a result calls it.
        methods = () if bases & {"Metric", "Method"} else CALLED
        made = [] if bases & BEHIND or name.startswith("Abstract") or of.__init__ is object.__init__ else [of]
        for called in [*made, *(getattr(of, method) for method in methods if inspect.isfunction(getattr(of, method, None)))]:
            for parameter in parameters(called):
                yield "parameter", parameter, f"{module}.{name}.{getattr(called, '__name__', name)}"
    for factory in [Realized, Estimated, Losses]:
        for name in factory.registry:
            yield "metric", name, factory.__module__
    for name in quality():
        yield "metric", name, "calculators"
    for feature in MethodFactory.registry:
        yield "method", feature, MethodFactory.__module__
    for name, calculator in columns():
        yield "column", name, calculator


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # LightGBM is talkative
    seen = set()
    for what, name, where in names():
        if (what, name) not in seen:
            seen.add((what, name))
            print(json.dumps([what, name, where]), file=answers)


main()
