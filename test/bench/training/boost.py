"""XGBoost or LightGBM by their Python packages on a raw table of float64; prints one JSON line."""
import json
import resource
import sys
import time

import numpy as np

engine, file, rows, columns, iterations, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
table = np.fromfile(file).reshape(rows, columns + 1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started, cpu = time.perf_counter(), time.process_time()
x, y = table[:, :columns], table[:, columns]
if engine == "xgboost":
    import xgboost

    types = ["q"] * (columns - 1) + ["c"]
    data = xgboost.QuantileDMatrix(x, label=y, feature_types=types, enable_categorical=True, max_bin=254, nthread=threads)
    params = {"objective": "binary:logistic", "tree_method": "hist", "max_bin": 254, "eta": 0.1, "max_depth": 6, "lambda": 1,
              "min_child_weight": 1, "max_cat_to_onehot": 5, "max_cat_threshold": 64, "nthread": threads}
    model = xgboost.train(params, data, iterations)
    p = model.predict(xgboost.DMatrix(x, feature_types=types, enable_categorical=True))
else:
    import lightgbm

    params = {"objective": "binary", "num_leaves": 31, "learning_rate": 0.1, "num_threads": threads, "max_bin": 255, "verbosity": -1,
              "deterministic": True, "force_col_wise": True}
    model = lightgbm.train(params, lightgbm.Dataset(x, y, categorical_feature=[columns - 1]), iterations)
    p = model.predict(x)
p = np.clip(p, 1e-15, 1 - 1e-15)
loss = float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
print(json.dumps({
    "wallSeconds": time.perf_counter() - started, "cpuSeconds": time.process_time() - cpu,
    "peakMb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024, "tableMb": before / 1024, "loss": loss,
}))
