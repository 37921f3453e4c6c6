"""Whether a factorisation machine would earn its place, by a stand-in in numpy.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install scikit-learn==1.9.1 lightgbm==4.7.0 pandas
    /tmp/venv/bin/python test/bench/stand-ins/factorisation.py FOLDER

FOLDER is that of `linear-models.bench.ts`. A factorisation machine of rank 4 (alternating least squares) beside ridge regression on levels, LightGBM on codes
and on out-of-fold target means, on made tables of users and items with and without latent factors, and on the categories of the data sets: RMSE of five folds.
"""

import json
import sys
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import KFold
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

FOLDS, SEED = 5, 0


def data_sets(folder):
    for data in json.loads((Path(folder) / "manifest.json").read_text())["datasets"]:
        yield data, pd.read_csv(Path(folder) / data["name"] / "train.csv.gz")


def categories_of(table):
    numbers = [name for name in table if pd.api.types.is_numeric_dtype(table[name])]
    others = [name for name in table if name not in numbers]
    texts = [name for name in others if table[name].nunique() > 0.5 * len(table) and table[name].astype(str).str.len().mean() > 12]
    return [name for name in others if name not in texts]


def factorise(X, y, rank=4, penalty=3.0, rounds=15):
    """A factorisation machine of squares by alternating ridge regressions of linear and latent coefficients (one level a field and row)."""
    rng = np.random.default_rng(SEED)
    X = sparse.csc_matrix(X)
    mean, b, v = y.mean(), np.zeros(X.shape[1]), rng.normal(0, 0.1, (X.shape[1], rank))
    cells = [(X.indices[X.indptr[j]:X.indptr[j + 1]], X.data[X.indptr[j]:X.indptr[j + 1]]) for j in range(X.shape[1])]
    raw = lambda: X @ b + 0.5 * (((X @ v) ** 2).sum(1) - X.power(2) @ (v ** 2).sum(1))
    residual = y - mean - raw()
    for _ in range(rounds):
        for j, (rows, x) in enumerate(cells):
            new = (x * (residual[rows] + x * b[j])).sum() / ((x * x).sum() + penalty)
            residual[rows] -= x * (new - b[j])
            b[j] = new
        for f in range(rank):
            q = X @ v[:, f]
            for j, (rows, x) in enumerate(cells):
                h = x * (q[rows] - x * v[j, f])
                new = (h * (residual[rows] + h * v[j, f])).sum() / ((h * h).sum() + penalty)
                residual[rows] -= h * (new - v[j, f])
                q[rows] += x * (new - v[j, f])
                v[j, f] = new
    def predict(Z):
        Z = sparse.csr_matrix(Z)
        return mean + Z @ b + 0.5 * (((Z @ v) ** 2).sum(1) - Z.power(2) @ (v ** 2).sum(1))
    return predict


def factorisation(folder):
    def tables():
        rng = np.random.default_rng(4)
        for users, items, count, strength in ((1_000, 300, 20_000, 1.0), (1_000, 300, 20_000, 0.0), (300, 100, 20_000, 1.0)):
            u, i = rng.integers(0, users, count), rng.integers(0, items, count)
            p, q = rng.normal(size=(users, 3)), rng.normal(size=(items, 3))
            y = rng.normal(size=users)[u] + rng.normal(size=items)[i] + strength * (p[u] * q[i]).sum(1) + rng.normal(size=count)
            yield f"{users} x {items}, {count} rows, factors of strength {strength}", pd.DataFrame({"user": u.astype(str), "item": i.astype(str)}), y
        for data, table in data_sets(folder):
            X, y = table.drop(columns=data["target"]), table[data["target"]]
            categories = categories_of(X)
            if len(categories) < 2:
                continue
            y = y.to_numpy(float) if data["task"] == "regression" else (pd.factorize(y, sort=True)[0] == 1).astype(float)
            yield f"{data['name']}, its {len(categories)} categories", X[categories].fillna("none").astype(str), y

    for name, X, y in tables():
        scores = {}
        for train, test in KFold(FOLDS, shuffle=True, random_state=SEED).split(X):
            levels = OneHotEncoder(handle_unknown="ignore").fit(X.iloc[train])
            known, new = levels.transform(X.iloc[train]), levels.transform(X.iloc[test])
            codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan).fit(X.iloc[train])
            means = TargetEncoder(target_type="continuous", random_state=SEED)
            boosting = dict(n_estimators=300, learning_rate=0.05, verbosity=-1, n_jobs=2)
            predictions = {
                "levels, ridge": Ridge(3.0).fit(known, y[train]).predict(new),
                "factorisation": factorise(known, y[train])(new),
                "LightGBM, codes": lightgbm.LGBMRegressor(**boosting).fit(codes.transform(X.iloc[train]), y[train], categorical_feature=list(range(X.shape[1]))).predict(codes.transform(X.iloc[test])),
                "LightGBM, target means": lightgbm.LGBMRegressor(**boosting).fit(means.fit_transform(X.iloc[train], y[train]), y[train]).predict(means.transform(X.iloc[test])),
            }
            for model, predicted in predictions.items():
                scores.setdefault(model, []).append(np.sqrt(mean_squared_error(y[test], predicted)))
        print(f"{name}: RMSE " + ", ".join(f"{model} {np.mean(each):.4f} (sd of folds {np.std(each):.4f})" for model, each in scores.items()), flush=True)


if __name__ == "__main__":
    factorisation(sys.argv[1])
