"""Estimates losses by NannyML (DLE): `losses.py FOLDER SIZE`.

One JSON object on standard output: CPU seconds of fitting, of estimating the analysis, and of LightGBM's part in that.
"""

import json
import sys
import time

import nannyml
import pandas as pd

folder, size = sys.argv[1], int(sys.argv[2])
reference = pd.read_csv(f"{folder}/reference.csv")
analysis = pd.read_csv(f"{folder}/analysis.csv").drop(columns=["y_true"])
features = [column for column in analysis.columns if column != "y_pred"]
metrics = ["mae", "mape", "mse", "msle", "rmse", "rmsle"]
estimator = nannyml.DLE(
    feature_column_names=features, y_pred="y_pred", y_true="y_true", metrics=metrics, chunk_size=size
)
began = time.process_time()
estimator.fit(reference)
spent = {"fit": time.process_time() - began}

import lightgbm

inside = [0.0]
predict = lightgbm.LGBMRegressor.predict


def measured(self, *args, **kwargs):
    began = time.process_time()
    try:
        return predict(self, *args, **kwargs)
    finally:
        inside[0] += time.process_time() - began


lightgbm.LGBMRegressor.predict = measured
tries = []
for _ in range(2):
    inside[0] = 0.0
    began = time.process_time()
    estimator.estimate(analysis)
    tries.append((time.process_time() - began, inside[0]))
spent["estimate"], spent["predict"] = min(tries)
print(json.dumps(spent))
