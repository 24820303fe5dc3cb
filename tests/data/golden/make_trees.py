"""Writes `trees.json`: what LightGBM with its defaults predicts on small data. `python make_trees.py`, LightGBM 4.5.0."""
import json

import lightgbm
import numpy

def data(seed, rows):
    random = numpy.random.default_rng(seed)
    a = random.normal(size=rows).round(3)
    b = random.exponential(10, size=rows).round(2)
    b[random.random(rows) < 0.1] = numpy.nan
    c = random.integers(0, 6, size=rows).astype(float)
    label = random.integers(1, 4, size=rows).astype(float)
    noise = random.normal(size=rows)
    y = numpy.abs(noise * (1 + (a > 0) + numpy.nan_to_num(b, nan=15) / 10 + (label == 2) * c)).round(4)
    return numpy.column_stack([a, b, c, label]), y

def clean(values):
    return [None if numpy.isnan(value) else float(value) for value in values]

cases = []
for seed, rows in [(1, 500), (2, 3000)]:
    x, y = data(seed, rows)
    model = lightgbm.LGBMRegressor(n_jobs=1, verbose=-1).fit(x, y, categorical_feature=[3])
    cases.append({
        "numbers": [clean(x[:, at]) for at in range(3)],
        "labels": [int(label) for label in x[:, 3]],
        "target": clean(y),
        "predicted": clean(model.predict(x)),
    })
json.dump({"lightgbm": lightgbm.__version__, "cases": cases}, open("trees.json", "w"))
