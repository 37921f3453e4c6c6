"""Makes a table of 1,000 classes, and fits what scikit-learn and LightGBM have for it: see many-classes.bench.ts.

python rivals.py make FOLDER: train.csv (24,000 rows), test.csv (6,000 rows). Classes have 8 rows and more, by a power law; 14 numbers
about a centre of the class, 2 that say nothing, 4 categories that depend on the class, some cells missing.
python rivals.py fit FOLDER NAME: fits one of them in this process, prints JSON.
"""
import json
import resource
import sys
import time

import numpy as np
import pandas as pd

CLASSES, TRAIN, TEST = 1_000, 24_000, 6_000


def make(folder):
    random = np.random.default_rng(1)
    shares = 1 / np.arange(1, CLASSES + 1) ** 0.5
    counts = np.maximum(8, np.floor(shares / shares.sum() * (TRAIN + TEST))).astype(int)
    labels = np.repeat(np.arange(CLASSES), counts)
    labels = np.concatenate([labels, random.choice(CLASSES, TRAIN + TEST - len(labels), p=shares / shares.sum())])
    labels = random.permutation(labels)
    centres = random.normal(0, 1, (CLASSES, 14))
    scales = random.uniform(0.4, 1.1, 14)
    frame = {}
    for column in range(14):
        values = centres[labels, column] + random.normal(0, scales[column], len(labels))
        values[random.random(len(labels)) < 0.03] = np.nan
        frame[f"n{column}"] = np.round(np.exp(values) if column < 3 else values, 4)
    for column in range(2):
        frame[f"noise{column}"] = np.round(random.normal(0, 1, len(labels)), 4)
    for column, levels in enumerate((5, 12, 40, 200)):
        own = random.integers(0, levels, CLASSES)
        codes = np.where(random.random(len(labels)) < 0.6, own[labels], random.integers(0, levels, len(labels)))
        frame[f"c{column}"] = [f"v{code}" for code in codes]
    frame["label"] = [f"item-{label:04d}" for label in labels]
    table = pd.DataFrame(frame)
    # Every class is in the training rows.
    first = table.drop_duplicates("label").index
    rest = table.index.difference(first)
    test = random.choice(rest, TEST, replace=False)
    table.loc[test].to_csv(f"{folder}/test.csv", index=False)
    table.drop(test).to_csv(f"{folder}/train.csv", index=False)


def model(name):
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
    from sklearn.compose import make_column_selector

    words = make_column_selector(dtype_include=object)
    numbers = make_column_selector(dtype_include=float)
    if name == "logistic":
        encode = make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
            (OneHotEncoder(handle_unknown="ignore", min_frequency=2), words),
        )
        return make_pipeline(encode, LogisticRegression(max_iter=200))
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    encode = make_column_transformer((ordinal, words), (SimpleImputer(), numbers))
    if name == "lightgbm":
        from lightgbm import LGBMClassifier

        return make_pipeline(encode, LGBMClassifier(verbose=-1, n_jobs=2))
    forest = {"random-forest": RandomForestClassifier, "extra-trees": ExtraTreesClassifier}[name]
    # A node keeps a number a class: 200 trees would need 70 GB.
    return make_pipeline(encode, forest(10, n_jobs=2, random_state=1))


def fit(folder, name):
    train, test = (pd.read_csv(f"{folder}/{part}.csv") for part in ("train", "test"))
    started = time.time()
    fitted = model(name).fit(train.drop(columns="label"), train["label"])
    seconds = time.time() - started
    predicted = fitted.predict_proba(test.drop(columns="label"))
    places = {label: place for place, label in enumerate(fitted.classes_)}
    own = predicted[np.arange(len(test)), [places[label] for label in test["label"]]]
    print(
        json.dumps(
            {
                "name": name,
                "logLoss": float(-np.log(np.clip(own, 1e-15, 1)).mean()),
                "accuracy": float((fitted.classes_[predicted.argmax(1)] == test["label"]).mean()),
                "fitSeconds": seconds,
                "peakMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


{"make": make, "fit": fit}[sys.argv[1]](*sys.argv[2:])
