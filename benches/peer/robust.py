"""Writes down the sets in NannyML's wheel that have targets: `robust.py FOLDER SIZE`.

Of each set NAME.reference.csv and NAME.analysis.csv, and on standard output a JSON object by name: the problem, features
that are categories, features that are numbers, scores by class, prediction and target. SIZE is of no importance.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "parity"))

import sets

folder = sys.argv[1]
said = {}
for make in sets.ALL:
    case = make()
    if case.problem == "none":
        continue
    scores = {"": case.score} if isinstance(case.score, str) else case.score or {}
    columns = [*case.features, *case.scores(), case.prediction, case.target]
    for name, rows in (("reference", case.reference), ("analysis", case.analysis)):
        rows[columns].to_csv(f"{folder}/{make.__name__}.{name}.csv", index=False)
    labels = [name for name in case.features if case.is_categorical(name)]
    said[make.__name__] = {
        "problem": case.problem,
        "labels": labels,
        "numbers": [name for name in case.features if name not in labels],
        "scores": scores,
        "prediction": case.prediction,
        "target": case.target,
        "window": case.window[1],
    }
print(json.dumps(said))
