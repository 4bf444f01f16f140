"""Fit the confidence: an L2-regularised logistic regression on labelled candidates, by Newton's method.

Source: Hastie, Tibshirani, Friedman, *The Elements of Statistical Learning* (2009), 4.4.1 and 4.4.4. Few numbers, no
further dependency. The intercept is not penalised.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from siwei.chain.vocabulary import FEATURES

Floats = NDArray[np.float64]


def fit_confidence(candidates: pl.DataFrame, *, penalty: float) -> tuple[float, dict[str, float]]:
    """`candidates`: FEATURES and `is_right` (Boolean). Out: intercept and a coefficient per feature."""
    matrix = np.column_stack([np.ones(candidates.height), candidates.select(FEATURES).to_numpy()])
    weights = _newton(matrix, candidates["is_right"].to_numpy().astype(np.float64), penalty)
    return float(weights[0]), {name: float(value) for name, value in zip(FEATURES, weights[1:], strict=True)}


def predict(candidates: pl.DataFrame, intercept: float, coefficients: dict[str, float]) -> Floats:
    matrix = candidates.select(FEATURES).to_numpy()
    odds = intercept + matrix @ np.array([coefficients[name] for name in FEATURES])
    return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float64)


def _newton(matrix: Floats, right: Floats, penalty: float) -> Floats:
    ridge = np.diag([0.0] + [penalty] * (matrix.shape[1] - 1))
    weights = np.zeros(matrix.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-matrix @ weights))
        gradient = matrix.T @ (right - chance) - ridge @ weights
        curvature = (matrix * (chance * (1 - chance))[:, None]).T @ matrix + ridge
        step = np.linalg.solve(curvature, gradient)
        weights += step
        if np.abs(step).max() < 1e-9:
            break
    return weights
