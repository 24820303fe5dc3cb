"""Computes embedding.json: how far vectors lie from the principal components of a reference, by scikit-learn.

The reference's own vectors are measured by components of the other four fifths of them (every fifth is a part).

usage: python make_embedding.py [OUT]     (versions: README.md)
"""

import json
import sys
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).parent
ROWS, REFERENCE, WINDOW, DIMENSIONS, PARTS = 800, 500, 100, 12, 5


def made(seed):
    """Vectors around a few directions, one dimension constant, one in another unit; from 700 on the directions differ."""
    draw = np.random.default_rng(seed)
    directions = draw.normal(size=(4, DIMENSIONS))
    later = draw.normal(size=(4, DIMENSIONS))
    topics = draw.normal(size=(ROWS, 4)) * np.array([3.0, 2.0, 1.0, 0.5])
    vectors = topics @ directions
    vectors[700:] = topics[700:] @ later
    vectors += draw.normal(size=vectors.shape) * 0.4
    vectors[:, 3] = 0.125
    vectors[:, 7] = vectors[:, 7] * 1000 + 5e6
    rows = [[round(float(number), 5) for number in vector] for vector in vectors]
    for row in (5, 17, 130, 333, 520, 521, 760):
        rows[row] = None
    for row in (40, 250, 610, 611, 612):
        rows[row] = rows[row][:-1]
    rows[701] = []
    rows[77][2] = None
    rows[702][11] = None
    return rows


def is_vector(row):
    return row is not None and len(row) == DIMENSIONS and None not in row


class Space:
    def __init__(self, vectors):
        self.scaler = StandardScaler().fit(vectors)
        self.pca = PCA(n_components=0.65, svd_solver="full").fit(self.scaler.transform(vectors))

    def errors(self, vectors):
        z = self.scaler.transform(vectors)
        return np.linalg.norm(z - self.pca.inverse_transform(self.pca.transform(z)), axis=1)


def main(out):
    rows = made(3)
    reference = [row for row in rows[:REFERENCE] if is_vector(row)]
    places = np.cumsum([is_vector(row) for row in rows[:REFERENCE]]) - 1
    array = np.array(reference)
    whole = Space(array)
    parts = [Space(array[np.arange(len(array)) % PARTS != part]) for part in range(PARTS)]
    errors = []
    for at, row in enumerate(rows):
        if not is_vector(row):
            errors.append(None)
            continue
        space = parts[places[at] % PARTS] if at < REFERENCE else whole
        errors.append(float(space.errors(np.array([row]))[0]))
    windows = []
    for start in range(0, ROWS, WINDOW):
        found = np.array([error for error in errors[start:start + WINDOW] if error is not None])
        of = rows[start:start + WINDOW]
        windows.append({
            "value": float(found.mean()),
            "sampling_error": float(found.std(ddof=1) / np.sqrt(len(found))),
            "missing_rate": sum(row is None for row in of) / WINDOW,
            "out_of_range_rate": sum(row is not None and not is_vector(row) for row in of) / WINDOW,
        })
    values = np.array([window["value"] for window in windows[: REFERENCE // WINDOW]])
    case = {
        "rows": rows,
        "reference_rows": REFERENCE,
        "window_rows": WINDOW,
        "components": int(whole.pca.n_components_),
        "windows": windows,
        "lower_threshold": float(values.mean() - 3 * values.std()),
        "upper_threshold": float(values.mean() + 3 * values.std()),
    }
    Path(out).write_text(json.dumps(case) + "\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else HERE / "embedding.json")
