"""scikit-learn's forests on real data, one thread: `scikit-learn.py FOLDER [DATASET...]`; needs pandas and scikit-learn 1.9.1.

Categories are ordered by their smoothed mean target, those of more than 1,000 levels left out. Beside `forests.bench.ts`, whose last columns
are of models fitted on all rows as these are. One more vote is for the class shares, as in ours.
"""

import json
import pickle
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score

TREES = 200
SMOOTHING = 10


def encode(train, test, number):
    columns, others = [], []
    for name in train.columns:
        if train[name].dtype.kind in "if":
            columns.append(train[name].to_numpy(float))
            others.append(test[name].to_numpy(float))
            continue
        keys = train[name].astype(str).fillna("?")
        groups = pd.Series(number).groupby(keys).agg(["sum", "count"])
        if len(groups) > 1000:
            continue
        mean = number.mean()
        scores = (groups["sum"] + SMOOTHING * mean) / (groups["count"] + SMOOTHING)
        columns.append(keys.map(scores).to_numpy(float))
        others.append(test[name].astype(str).fillna("?").map(scores).fillna(mean).to_numpy(float))
    return np.array(columns).T, np.array(others).T


def main(folder, *only):
    for data in json.loads((Path(folder) / "manifest.json").read_text())["datasets"]:
        if data["name"] == "sms_spam" or (only and data["name"] not in only):
            continue
        train, test = (pd.read_csv(Path(folder) / data["name"] / f"{part}.csv.gz") for part in ("train", "test"))
        y, y_test = train.pop(data["target"]), test.pop(data["target"])
        is_number = data["task"] == "regression"
        number = (y == data["positive_class"]).to_numpy(float) if data["task"] == "binary" else y.to_numpy(float)
        x, x_test = encode(train, test, number)
        for kind, leaf in (("extra", 1), ("extra", 5), ("random", 5), ("random", 1)):
            classes = {"extra": (ExtraTreesClassifier, ExtraTreesRegressor), "random": (RandomForestClassifier, RandomForestRegressor)}
            options = {"max_features": 0.5} if is_number else {}
            model = classes[kind][int(is_number)](TREES, min_samples_leaf=leaf, random_state=0, n_jobs=1, **options)
            started = time.process_time()
            model.fit(x, y)
            fit_s = time.process_time() - started
            started = time.process_time()
            if is_number:
                score = mean_squared_error(y_test, model.predict(x_test)) ** 0.5
            else:
                shares = np.array([(y == one).mean() for one in model.classes_])
                p = (model.predict_proba(x_test) * TREES + shares) / (TREES + 1)
                positive = list(model.classes_).index(data["positive_class"]) if data["task"] == "binary" else 0
                score = roc_auc_score(y_test == data["positive_class"], p[:, positive]) if data["task"] == "binary" else log_loss(y_test, p, labels=model.classes_)
            row_us = (time.process_time() - started) / len(x_test) * 1e6
            size = len(pickle.dumps(model)) / 1e6
            print(f"| {data['name']} | {kind}, {leaf} rows a leaf | {score:.5g} | {fit_s:.2f} s | {size:.1f} MB | {row_us:.0f} us a row |", flush=True)


main(*sys.argv[1:])
