"""What `vigie check` does, by NannyML: `check.py FOLDER SIZE` reads reference and analysis, writes peer.jsonl.

One JSON object on standard output says how many wall and CPU seconds each step took.
"""

import json
import sys
import time

BEGAN = time.perf_counter()

import pandas as pd

from methods import calculators, figures, score

folder, size = sys.argv[1], int(sys.argv[2])
spent = {"import": [time.perf_counter() - BEGAN, time.process_time()]}


def step(name, work):
    wall, cpu = time.perf_counter(), time.process_time()
    made = work()
    spent[name] = [time.perf_counter() - wall, time.process_time() - cpu]
    return made


reference = step("read reference", lambda: pd.read_parquet(f"{folder}/reference.parquet"))
analysis = step("read analysis", lambda: pd.read_parquet(f"{folder}/analysis.parquet"))
with open(f"{folder}/peer.jsonl", "w") as out:
    for name, calculator in calculators(size).items():
        result = step(name, lambda: score(calculator.fit(reference), analysis))
        for key, value in figures(name, result):
            print(json.dumps([*key, value]), file=out)
print(json.dumps(spent))
