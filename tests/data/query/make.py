"""Writes the files that tests/stream/query reads, as data scientists write them: with pandas.

    pip install pandas==3.1.1 pyarrow==26.0.1
    python tests/data/query/make.py
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

here = Path(__file__).parent

loans = pd.DataFrame(
    {
        "id": [1001, 1002, 1003, 1004, 1005, 1006],
        "age": [31, 45, np.nan, 28, 52, 39],  # integers with a gap: pandas makes them floats
        "children": pd.array([0, 2, 1, None, 3, 0], dtype="Int64"),
        "income": [1200.5, 2400.0, np.nan, 3100.25, 1e6, -0.0],
        "score": np.array([0.1, 0.9, 0.5, 0.3, 0.7, 0.2], dtype="float32"),
        "owner": [True, False, True, True, False, False],
        "member": pd.array([True, None, False, True, None, False], dtype="boolean"),
        "region": ["north", "south", None, "north", "NA", "east"],
        "grade": pd.Categorical(["b", "a", "b", None, "a", "c"]),
        "term": pd.Categorical([12, 24, 12, 36, None, 24]),
        "ts": pd.to_datetime(
            ["2024-01-01", "2024-01-01 06:30", "2024-01-02", "2024-01-02 12:00:00.5", None, "2024-01-03"],
            format="ISO8601",
        ),
        "seen": pd.date_range("2024-01-01", periods=6, freq="h", tz="Europe/Berlin"),
        "empty": [None] * 6,
    }
)
loans.to_parquet(here / "loans.parquet")
loans.to_csv(here / "loans.csv")  # with the row labels, as it happens
loans.to_csv(here / "loans.csv.gz", index=False, compression={"method": "gzip", "mtime": 1})
loans.to_json(here / "loans.jsonl", orient="records", lines=True, date_format="iso")
loans.to_json(here / "loans.json", orient="records", date_format="iso", indent=1)

# Row labels that are no column, and labels that are one.
loans[["age"]].iloc[[1, 3, 5]].to_parquet(here / "filtered.parquet")
loans[["age"]].set_axis(pd.Index(list("badfec"), name="key")).to_parquet(here / "indexed.parquet")

# One table in several files, where a gap has made a column of the second float.
(here / "parts").mkdir(exist_ok=True)
parts = pd.DataFrame({"id": range(10), "count": range(10, 20), "label": list("abcdefghij")})
parts.iloc[:4].to_parquet(here / "parts" / "part-0.parquet", index=False)
second = parts.iloc[4:8].copy()
second.loc[5, "count"] = np.nan
second.to_parquet(here / "parts" / "part-1.parquet", index=False)
parts.iloc[8:].to_parquet(here / "parts" / "part-2.parquet", index=False)
(here / "parts" / "_SUCCESS").touch()

nested = pa.table(
    {
        "request": [{"id": "r1"}, {"id": "r2"}, None],
        "features": [{"age": 31, "car": {"value": 9.5}}, {"age": None, "car": None}, {"age": 40, "car": {"value": 1.0}}],
        "outputs": [[{"p": 0.1}, {"p": 0.9}], [{"p": 0.7}], None],
        "shap": [[1.0, 2.0], [], [3.0]],
    }
)
pq.write_table(nested, here / "nested.parquet")
pd.DataFrame(nested.to_pylist()).to_json(here / "nested.jsonl", orient="records", lines=True)
