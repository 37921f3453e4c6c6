"""Prints series of statsmodels (0.14 and later) and generated ones as JSON for test/bench/history.bench.ts.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install statsmodels pandas
    /tmp/venv/bin/python test/bench/history/series.py > /tmp/series.json
"""

import json
import sys

import numpy as np
import pandas as pd
import statsmodels.api as sm


def table(name, times, y, series=None, x=None):
    return {
        "name": name,
        "times": [str(time)[:19] for time in times],
        "y": [float(value) for value in y],
        "series": None if series is None else list(series),
        "x": None if x is None else [float(value) for value in x],
    }


def panel(name, value, count=12, days=400, features=False):
    random = np.random.default_rng(4)
    rows = [(time, f"s{index}") for index in range(count) for time in pd.date_range("2022-01-01", periods=days, freq="D")]
    x = random.normal(size=len(rows))
    y = np.concatenate([value(random, index, days) for index in range(count)]) + (3 * x if features else 0)
    return table(name, [time for time, _ in rows], y, [series for _, series in rows], x if features else None)


week = lambda days: np.tile([0, 1, 2, 3, 4, 9, 8], days // 7 + 1)[:days]
walk = lambda random, index, days: 20 * index + np.cumsum(random.normal(size=days)) + week(days)
noise = lambda random, index, days: 20 * index + week(days) + 3 * random.normal(size=days)
trend = lambda random, index, days: 20 * index + 0.1 * (index + 1) * np.arange(days) + week(days) + random.normal(size=days)

elnino = sm.datasets.elnino.load_pandas().data.melt("YEAR", value_name="y").dropna()
elnino["time"] = pd.to_datetime(elnino["YEAR"].astype(int).astype(str) + "-" + elnino["variable"].str.title(), format="%Y-%b")
co2 = sm.datasets.co2.load_pandas().data.dropna()["co2"]
macro = sm.datasets.macrodata.load_pandas().data
quarters = pd.PeriodIndex.from_fields(year=macro["year"].astype(int), quarter=macro["quarter"].astype(int)).to_timestamp()
named = ["infl", "unemp", "tbilrate", "realint"]
long = macro[named].assign(time=quarters).melt("time", value_name="y", var_name="series")
json.dump(
    [
        table("elnino, months", elnino["time"], elnino["y"]),
        table("co2, weeks", co2.index, co2),
        table("macrodata, 4 rates, quarters", long["time"], long["y"], long["series"]),
        panel("generated: walks", walk),
        panel("generated: walks and a feature", walk, features=True),
        panel("generated: levels and noise", noise),
        panel("generated: trends", trend),
    ],
    sys.stdout,
)
