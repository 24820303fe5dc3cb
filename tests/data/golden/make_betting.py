"""Writes betting.json: wealth of bets against a reference, by numpy and scipy alone.

    python make_betting.py

Sources: Ville 1939; Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting". A payoff is a
function of a row with mean 0 in the reference; a bet of a stake s leaves 1 + s * payoff - |s| * slack of a wealth of 1; the
wealth is the mean over stakes, sides and payoffs. Written from that definition, row by row, not from our code.
"""

import json
import pathlib

import numpy as np
from scipy.special import logsumexp

STAKES = [0.05, 0.1, 0.2, 0.4, 0.8]
rng = np.random.default_rng(20240711)


def slack(deviation, rows, tolerance):
    return 3 * deviation / np.sqrt(rows) + 9 / rows + tolerance * deviation


def wealth(payoffs, slacks):
    """payoffs: (functions, rows); slacks: one a function."""
    logs = []
    for payoff, of in zip(payoffs, slacks):
        for stake in STAKES:
            for side in (1, -1):
                s = side * stake / (1 + of)
                logs.append(np.log(1 + s * np.asarray(payoff) - abs(s) * of).sum())
    return float(logsumexp(logs) - np.log(len(logs)))


def centred(function, reference):
    """A function of cells, less its mean over the reference's rows."""
    values = function[reference]
    return function - values.mean(), values.std()


def cells(functions, counts, window, tolerance):
    reference = np.repeat(np.arange(len(counts)), counts)
    rows = np.repeat(np.arange(len(window)), window)
    payoffs, slacks = [], []
    for function in functions:
        of, deviation = centred(np.asarray(function, float), reference)
        payoffs.append(of[rows])
        slacks.append(slack(deviation, len(reference), tolerance))
    return wealth(payoffs, slacks)


def ordered(counts, missing, window, tolerance):
    counts = np.asarray(counts)
    # Mid-ranks of the reference's values, between -1 and 1.
    upto = np.cumsum(counts)
    ranks = 2 * (upto - counts / 2) / upto[-1] - 1
    far = np.abs(ranks)
    mean = lambda of: (of * counts).sum() / counts.sum()
    functions = [np.append(of, mean(of)) for of in (ranks, far)]
    functions.append(np.append(np.zeros(len(counts)), 1))
    return cells(functions, np.append(counts, missing), window, tolerance)


def unordered(counts, window, tolerance):
    return cells(np.eye(len(counts)), counts, window, tolerance)


def calls(hits, rows, probabilities, came, tolerance):
    centre = hits / rows
    of = slack(np.sqrt(centre * (1 - centre)), rows, tolerance)
    surprise = came - probabilities
    slope = (probabilities - centre) / max(centre, 1 - centre)
    return wealth([surprise, surprise * slope], [of, of])


cases = {"ordered": [], "unordered": [], "calls": []}
for shift, tolerance in [(0.0, 0.0), (0.3, 0.0), (0.3, 0.05), (-0.6, 0.05)]:
    counts = rng.multinomial(20_000, np.full(10, 0.1)).tolist()
    tilt = np.exp(shift * np.linspace(-1, 1, 10))
    window = rng.multinomial(700, np.append(tilt / tilt.sum() * 0.98, 0.02)).tolist()
    cases["ordered"].append({
        "counts": counts, "missing": 400, "window": window, "tolerance": tolerance,
        "logarithm": ordered(counts, 400, window, tolerance),
    })
    counts = rng.multinomial(9_000, [0.5, 0.3, 0.2, 0.0]).tolist()
    window = rng.multinomial(300, [0.5 - shift / 4, 0.3 + shift / 4, 0.19, 0.01]).tolist()
    cases["unordered"].append({
        "counts": counts, "window": window, "tolerance": tolerance,
        "logarithm": unordered(counts, window, tolerance),
    })
    probabilities = rng.beta(2, 5, 400)
    came = (rng.random(400) < np.clip(probabilities + shift / 3, 0, 1)).astype(int)
    cases["calls"].append({
        "hits": 2_900, "rows": 10_000, "tolerance": tolerance,
        "probabilities": probabilities.tolist(), "came": came.tolist(),
        "logarithm": calls(2_900, 10_000, probabilities, came, tolerance),
    })

pathlib.Path(__file__).with_name("betting.json").write_text(json.dumps(cases) + "\n")
