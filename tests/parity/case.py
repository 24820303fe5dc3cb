"""One comparison: rows, what they are of, how they are cut, and the same in the words of vigie.toml."""

import json
from dataclasses import dataclass, field

import pandas as pd

PERIODS = {"1h": "h", "1d": "D"}  # ours: the peer's
CLASSES = ["roc_auc", "f1", "precision", "recall", "specificity", "accuracy", "average_precision",
           "confusion_matrix", "business_value"]
LOSSES = ["mae", "mape", "mse", "msle", "rmse", "rmsle"]


@dataclass
class Case:
    """What both are given."""

    problem: str  # binary, multiclass, regression, none
    reference: pd.DataFrame
    analysis: pd.DataFrame
    features: list
    window: tuple  # size, number or period, and how much
    target: str | None = None
    prediction: str | None = None
    score: object = None  # a column, or by class a column
    timestamp: str | None = None
    value: list | None = None  # the business value's matrix
    normalize: dict = field(default_factory=dict)  # of confusion_matrix and business_value
    rates: bool = True  # of data quality; else counts
    categorical: list = field(default_factory=list)  # features whose type does not say so
    methods: set = field(default_factory=lambda: {"drift", "quality", "summary", "reconstruction"})
    calibration: object = "auto"  # what the peer decided, where it was a close thing

    def metrics(self):
        """Of performance."""
        return {"regression": LOSSES, "none": []}.get(self.problem, CLASSES)

    def scores(self):
        """The columns that hold probabilities."""
        if self.score is None:
            return []
        return [self.score] if isinstance(self.score, str) else list(self.score.values())

    def columns(self):
        """All that have a distribution."""
        outcome = [column for column in (self.prediction, self.target) if column]
        return [*self.features, *self.scores(), *outcome]

    def is_categorical(self, column):
        """As both decide it: by the type in the reference, but for outcomes of classes."""
        if column in (self.prediction, self.target):
            return self.problem != "regression"
        kind = self.reference[column].dtype
        return column in self.categorical or kind.kind not in "iuf" if hasattr(kind, "kind") else True

    def settings(self):
        """vigie.toml."""
        quoted = json.dumps
        lines = ["[model.m]", f"problem = {quoted(self.problem)}", "[model.m.columns]"]
        lines.append(f"features = {quoted(self.features)}")
        lines.append(f"categorical = {quoted(self.categorical)}")
        named = [("timestamp", self.timestamp), ("prediction", self.prediction), ("target", self.target)]
        lines += [f"{name} = {quoted(column)}" for name, column in named if column]
        if isinstance(self.score, str):
            lines.append(f"probability = {quoted(self.score)}")
        elif self.score:
            lines.append(f"probability = {inline(self.score)}")
        rule, much = self.window
        lines += ["[model.m.window]", f"{rule} = {quoted(much)}", "min_rows = 1", "[model.m.drift]"]
        together = [name for name, of in [("reconstruction_error", "reconstruction"), ("domain_classifier", "classifier")]
                    if of in self.methods]
        lines += [
            'continuous = ["kolmogorov_smirnov", "jensen_shannon", "wasserstein", "hellinger"]',
            'categorical = ["chi2", "jensen_shannon", "l_infinity", "hellinger"]',
            f"multivariate = {quoted(together)}",
            "[model.m.quality]",
            f"normalize = {quoted(self.rates)}",
        ]
        if self.metrics():
            lines += ["[model.m.performance]", f"metrics = {quoted(self.metrics())}"]
        if self.problem in ("binary", "multiclass"):
            lines.append(f"business_value = {quoted(self.value)}")
            if self.normalize:
                lines.append(f"normalize = {inline(self.normalize)}")
            calibration = self.calibration
            lines.append(f"calibration = {inline(calibration) if isinstance(calibration, dict) else quoted(calibration)}")
        return "\n".join(lines) + "\n"


def inline(table):
    """A table of texts in one line of TOML."""
    return "{ " + ", ".join(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in table.items()) + " }"
