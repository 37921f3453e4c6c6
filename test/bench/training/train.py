"""The rival: Python LightGBM on the same Parquet file, the same rows, the same parameters. Prints one JSON line."""
import json
import resource
import sys
import time

import lightgbm as lgb
import numpy as np
import pyarrow.parquet as pq

file, features, trees, leaves, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
started = time.perf_counter()
cpu = time.process_time()
names = [f"v{i}" for i in range(features)]
table = pq.read_table(file, columns=[f"c{i}" for i in range(features)] + ["c%d" % features, "c%d" % (features + 1)])
x = np.column_stack([table.column(f"c{i}").to_numpy() for i in range(features)])
y = table.column(f"c{features}").to_numpy()
training = table.column(f"c{features + 1}").to_numpy(zero_copy_only=False) == "training"
params = {
    "objective": "binary", "num_leaves": leaves, "learning_rate": 0.1, "num_threads": threads, "max_bin": 255,
    "deterministic": True, "force_col_wise": True, "min_data_in_leaf": 20, "verbosity": -1, "seed": 1,
}
model = lgb.train(params, lgb.Dataset(x[training], y[training]), num_boost_round=trees)
p = model.predict(x[~training], num_threads=threads)
wall, cpu = time.perf_counter() - started, time.process_time() - cpu
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
actual = y[~training]
order = np.argsort(p, kind="stable")
ranks = np.empty(len(p))
ranks[order] = np.arange(1, len(p) + 1)
positives = actual.sum()
auc = (ranks[actual == 1].sum() - positives * (positives + 1) / 2) / (positives * (len(p) - positives))
print(json.dumps({"wallSeconds": wall, "cpuSeconds": cpu, "auc": auc, "peakBytes": peak, "lightgbm": lgb.__version__, "numpy": np.__version__}))
