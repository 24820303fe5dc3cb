"""Tells windows of the car-loan set apart by NannyML: `classifier.py FOLDER SIZE`.

Writes reference.csv and analysis.csv of the set's features, and one JSON object on standard output: the area of four
windows, and CPU seconds a window with the parameters that it has, and with one thread.
"""

import json
import sys
import time

import nannyml
from nannyml.chunk import SizeBasedChunker

folder, size = sys.argv[1], int(sys.argv[2])
reference, analysis, _ = nannyml.load_synthetic_car_loan_dataset()
features = [
    "car_value",
    "salary_range",
    "debt_to_income_ratio",
    "loan_length",
    "repaid_loan_on_prev_car",
    "size_of_downpayment",
    "driver_tenure",
]
reference, analysis = reference[features], analysis[features]
reference.to_csv(f"{folder}/reference.csv", index=False)
analysis.to_csv(f"{folder}/analysis.csv", index=False)
said = {}
for name, threads, windows in [("as it is", None, 1), ("one thread", 1, 4)]:
    # Of the reference as one window nothing is computed.
    calculator = nannyml.DomainClassifierCalculator(
        feature_column_names=features, chunk_size=len(reference)
    )
    if threads:
        calculator.hyperparameters = dict(calculator.hyperparameters, n_jobs=threads)
    calculator.fit(reference)
    calculator.chunker = SizeBasedChunker(chunk_size=size)
    # The world changes in the middle.
    first = len(analysis) // 2 - windows // 2 * size
    began = time.process_time()
    result = calculator.calculate(analysis[first : first + windows * size].reset_index(drop=True))
    said[name] = (time.process_time() - began) / windows
    table = result.filter(period="analysis").to_df(multilevel=False)
    said["areas"] = table["domain_classifier_auroc_value"].tolist()
said["first"] = first
print(json.dumps(said))
