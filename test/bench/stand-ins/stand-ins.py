"""Whether families of models that Trainyard has not would earn their place, by stand-ins from scikit-learn and numpy.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install scikit-learn==1.9.1 lightgbm==4.7.0 pandas
    /tmp/venv/bin/python test/bench/stand-ins/stand-ins.py network FOLDER [DATASET...]
    /tmp/venv/bin/python test/bench/stand-ins/stand-ins.py factorisation FOLDER

FOLDER is that of `linear-models.bench.ts`. `network`: a library of five models by five folds, with and without a small neural network, each blended by
greedy weights with replacement on the link scale; rows of a fold are predicted with weights chosen on the others. Shown: scores alone, weight of
the network, gain of the blend by held-back rows with the standard error of a jackknife over ten groups of rows. `factorisation`: a
factorisation machine of rank 4 (alternating least squares) beside ridge regression on levels, LightGBM on codes and on out-of-fold target means,
on made tables of users and items with and without latent factors, and on the categories of the data sets.
"""

import json
import sys
import time
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

FOLDS, SEED = 5, 0


def data_sets(folder, only):
    for data in json.loads((Path(folder) / "manifest.json").read_text())["datasets"]:
        if not only or data["name"] in only:
            yield data, pd.read_csv(Path(folder) / data["name"] / "train.csv.gz")


def kinds(table):
    numbers = [name for name in table if pd.api.types.is_numeric_dtype(table[name])]
    others = [name for name in table if name not in numbers]
    texts = [name for name in others if table[name].nunique() > 0.5 * len(table) and table[name].astype(str).str.len().mean() > 12]
    return numbers, [name for name in others if name not in texts], texts


def encoder(numbers, categories, texts, wide):
    parts = [(make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numbers)] if numbers else []
    if categories:
        parts.append((OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5) if wide else
                      OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2), categories))
    parts += [(TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2, max_features=10_000), text) for text in texts]
    return make_column_transformer(*parts, sparse_threshold=1.0 if texts else 0.0)


def models(classes):
    network = dict(hidden_layer_sizes=(128, 64), early_stopping=True, alpha=1e-4, batch_size=256, max_iter=60, n_iter_no_change=8, random_state=SEED)
    boosting = dict(n_estimators=300, learning_rate=0.05, num_leaves=31, verbosity=-1, n_jobs=2, random_state=SEED)
    if classes:
        return {"linear": (True, LogisticRegression(C=1.0, max_iter=500)),
                "boosting": (False, lightgbm.LGBMClassifier(**boosting)),
                "boosting, small trees": (False, lightgbm.LGBMClassifier(**{**boosting, "num_leaves": 6, "colsample_bytree": 0.6})),
                "extra trees": (False, ExtraTreesClassifier(200, min_samples_leaf=2, n_jobs=2, random_state=SEED)),
                "random forest": (False, RandomForestClassifier(200, min_samples_leaf=5, n_jobs=2, random_state=SEED)),
                "network": (True, MLPClassifier(**network))}
    return {"linear": (True, Ridge(1.0)),
            "boosting": (False, lightgbm.LGBMRegressor(**boosting)),
            "boosting, small trees": (False, lightgbm.LGBMRegressor(**{**boosting, "num_leaves": 6, "colsample_bytree": 0.6})),
            "extra trees": (False, ExtraTreesRegressor(200, n_jobs=2, random_state=SEED)),
            "random forest": (False, RandomForestRegressor(200, min_samples_leaf=3, max_features=0.5, n_jobs=2, random_state=SEED)),
            "network": (True, MLPRegressor(**network))}


def loss_of(kind, raw, y):
    if kind == "regression":
        return np.sqrt(mean_squared_error(y, raw[:, 0]))
    p = np.exp(raw - raw.max(1, keepdims=True))
    return log_loss(y, p / p.sum(1, keepdims=True), labels=np.arange(raw.shape[1]))


def shown(kind, metric, raw, y):
    return roc_auc_score(y, raw[:, 1] - raw[:, 0]) if metric == "auc" else loss_of(kind, raw, y)


def greedy(kind, raws, y, rows, steps=30):
    order = sorted(range(len(raws)), key=lambda index: loss_of(kind, raws[index][rows], y[rows]))
    chosen, total, best, kept = [order[0]], raws[order[0]][rows].copy(), np.inf, [order[0]]
    for _ in range(steps):
        losses = [loss_of(kind, (total + raw[rows]) / (len(chosen) + 1), y[rows]) for raw in raws]
        index = int(np.argmin(losses))
        chosen.append(index)
        total += raws[index][rows]
        if losses[index] < best:
            best, kept = losses[index], list(chosen)
    return np.bincount(kept, minlength=len(raws)) / len(kept)


def honest(kind, raws, y, fold):
    out = np.empty_like(raws[0])
    for k in range(FOLDS):
        weights = greedy(kind, raws, y, np.flatnonzero(fold != k))
        out[fold == k] = sum(w * raw[fold == k] for w, raw in zip(weights, raws))
    return out


def network(folder, only):
    for data, table in data_sets(folder, only):
        kind, metric = data["task"], data["metric"]
        X, y = table.drop(columns=data["target"]), table[data["target"]]
        classes = kind != "regression"
        y = pd.factorize(y, sort=True)[0] if classes else y.to_numpy(float)
        numbers, categories, texts = kinds(X)
        X = X.assign(**{text: X[text].fillna("").astype(str) for text in texts})
        scale = 1 if classes else y.std()
        split = (StratifiedKFold if classes else KFold)(FOLDS, shuffle=True, random_state=SEED)
        fold = np.empty(len(y), int)
        made = {name: np.zeros((len(y), max(1, len(np.unique(y)) if classes else 1))) for name in models(classes)}
        spent = dict.fromkeys(made, 0.0)
        for k, (train, test) in enumerate(split.split(X, y)):
            fold[test] = k
            encoded = {}
            for wide in (True, False):
                each = encoder(numbers, categories, texts, wide)
                encoded[wide] = each.fit_transform(X.iloc[train]), each.transform(X.iloc[test])
            for name, (wide, model) in models(classes).items():
                begun = time.process_time()
                known, new = encoded[wide]
                model.fit(known, y[train] if classes else y[train] / scale)
                if classes:
                    made[name][np.ix_(test, model.classes_)] = np.log(np.clip(model.predict_proba(new), 1e-6, 1))
                else:
                    made[name][test, 0] = model.predict(new) * scale
                spent[name] += time.process_time() - begun
        for name, raw in made.items():
            print(f"{data['name']} {metric}: {name} {shown(kind, metric, raw, y):.6g}, cpu {spent[name]:.1f} s", flush=True)
        raws = list(made.values())
        without, with_it = honest(kind, raws[:-1], y, fold), honest(kind, raws, y, fold)
        sign = 1 if metric == "auc" else -1
        group = np.random.default_rng(1).integers(0, 10, len(y))
        gain = lambda rows: sign * (shown(kind, metric, with_it[rows], y[rows]) - shown(kind, metric, without[rows], y[rows]))
        parts = np.array([gain(group != g) for g in range(10)])
        noise = np.sqrt(0.9 * ((parts - parts.mean()) ** 2).sum())
        weight = greedy(kind, raws, y, np.arange(len(y)))[-1]
        print(f"{data['name']} {metric}: with a network of weight {weight:.2f}: gain {gain(np.arange(len(y))):.3g} +- {noise:.2g} "
              f"({shown(kind, metric, without, y):.6g} without)", flush=True)


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
        for data, table in data_sets(folder, []):
            X, y = table.drop(columns=data["target"]), table[data["target"]]
            categories = kinds(X)[1]
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
    {"network": lambda: network(sys.argv[2], sys.argv[3:]), "factorisation": lambda: factorisation(sys.argv[2])}[sys.argv[1]]()
