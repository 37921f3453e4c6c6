"""What all rivals share: reads the request, times the fit, writes the predictions.

The request is a JSON object in the first argument: train, test (Parquet), trainCsv, testCsv, target, task, metric, budgetSeconds, seed,
threads, out. Written is a CSV file with one column for each class, named by its text, or `prediction`. Printed is one JSON line.
"""
import json
import sys
import time

import pandas as pd


class Request:
    def __init__(self, words):
        self.__dict__.update(words)

    @property
    def is_regression(self):
        return self.task == "regression"


def tables(request):
    """Features, with texts as categories of the same levels in both, and the target."""
    train, test = pd.read_parquet(request.train), pd.read_parquet(request.test)
    answer = train.pop(request.target)
    test = test.drop(columns=[request.target])
    for name in train.columns:
        if not pd.api.types.is_numeric_dtype(train[name]):
            levels = pd.concat([train[name], test[name]]).astype("object").dropna().unique()
            train[name] = pd.Categorical(train[name], categories=levels)
            test[name] = pd.Categorical(test[name], categories=levels)
    return train, answer, test


def write(request, classes, predictions):
    names = ["prediction"] if classes is None else [str(label) for label in classes]
    pd.DataFrame(predictions, columns=names).to_csv(request.out, index=False)


def main(fit, version):
    """`fit(request)` returns a function that gives (classes or None, predictions of the test rows)."""
    request = Request(json.loads(sys.argv[1]))
    seconds = {}

    def timed(call):
        started = time.perf_counter()
        answer = call()
        seconds["fit"] = time.perf_counter() - started
        return answer

    classes, predictions = fit(request, timed)
    write(request, classes, predictions)
    print("\n" + json.dumps({"fitSeconds": seconds["fit"], "version": version}))
