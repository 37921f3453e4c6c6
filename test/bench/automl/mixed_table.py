"""A made table of 500,000 training rows and 50 features of all kinds but text (which some systems do not read), with a binary target.

    python mixed_table.py FOLDER

Numbers: 12 normal, 6 log-normal, 4 counts, 2 that are nearly copies, 2 a place; 3 dates; 3 booleans; 18 categories of 3 to 5,000 levels,
their frequencies by Zipf's law. A third of the columns has missing values. The target's log odds are a sum of bends, products, effects of
levels, a season, a region, and a product of two categories' vectors; one positive row in five. Some features say nothing.
The area under the curve of the true probabilities is printed: no model can do better.
"""

import sys

import numpy as np
import pandas as pd

from set_folder import SetFolder

SEED, TEST_SHARE = 20261130, 1 / 11
ROWS = 550_000
LEVEL_COUNTS = [3, 3, 4, 5, 6, 8, 10, 12, 20, 30, 50, 80, 120, 200, 400, 800, 2_000, 5_000]
POSITIVE_SHARE = 0.2

rng = np.random.default_rng(SEED)
columns, log_odds = {}, np.zeros(ROWS)

normals = rng.normal(size=(12, ROWS))
for i, values in enumerate(normals):
    columns[f"measure_{i + 1}"] = values
log_odds += 0.5 * normals[0] + 0.4 * np.maximum(normals[1], 0) - 0.3 * normals[2] ** 2 + 0.5 * normals[3] * normals[4]
log_odds += 0.6 * np.sin(2 * normals[5]) + 0.7 * ((normals[6] > 0.5) & (normals[7] < 0))

amounts = rng.lognormal(mean=3, sigma=1, size=(6, ROWS))
for i, values in enumerate(amounts):
    columns[f"amount_{i + 1}"] = values.round(2)
log_odds += 0.4 * (np.log(amounts[0]) - 3) - 0.5 * (amounts[1] > amounts[2])

counts = rng.poisson([[1], [3], [8], [20]], size=(4, ROWS))
for i, values in enumerate(counts):
    columns[f"count_{i + 1}"] = values
log_odds += 0.3 * np.minimum(counts[0], 3) - 0.05 * counts[2]

columns["measure_1_again"] = (normals[0] + rng.normal(scale=0.05, size=ROWS)).round(3)
columns["amount_1_again"] = (amounts[0] * rng.lognormal(sigma=0.02, size=ROWS)).round(1)

latitude, longitude = rng.uniform(44, 52, ROWS), rng.uniform(4, 18, ROWS)
columns["latitude"], columns["longitude"] = latitude.round(4), longitude.round(4)
log_odds += 0.6 * np.exp(-((latitude - 48.2) ** 2 + (longitude - 11.6) ** 2) / 4)

days = rng.integers(0, 1_461, size=(3, ROWS))
for i, name in enumerate(["opened", "changed", "seen"]):
    columns[name] = (np.datetime64("2022-01-01") + days[i]).astype(str)
log_odds += 0.4 * np.cos(2 * np.pi * days[0] / 365.25) - 0.3 * (np.abs(days[0] - days[1]) < 120)

for i, share in enumerate([0.5, 0.2, 0.02]):
    flags = rng.random(ROWS) < share
    columns[f"flag_{i + 1}"] = np.where(flags, "yes", "no")
    log_odds += 0.4 * flags * (i != 1)

vectors = []
for i, count in enumerate(LEVEL_COUNTS):
    weights = 1 / np.arange(1, count + 1)
    codes = rng.choice(count, size=ROWS, p=weights / weights.sum())
    columns[f"category_{i + 1}"] = np.char.add("v", codes.astype(str))
    if i % 3 != 1:
        log_odds += rng.normal(scale=0.35, size=count)[codes]
    vectors.append(rng.normal(size=(count, 2))[codes])
log_odds += 0.25 * (vectors[12] * vectors[14]).sum(axis=1)

# What is missing says nothing, but for the first amount.
for name in list(columns)[::3]:
    hidden = rng.random(ROWS) < rng.uniform(0.01, 0.2)
    columns[name] = pd.Series(columns[name]).mask(hidden)
columns["amount_1"] = pd.Series(columns["amount_1"]).mask(rng.random(ROWS) < 0.15 / (1 + np.exp(-log_odds)))

low, high = -20.0, 20.0
while high - low > 1e-6:
    middle = (low + high) / 2
    low, high = (middle, high) if (1 / (1 + np.exp(-log_odds - middle))).mean() < POSITIVE_SHARE else (low, middle)
probability = 1 / (1 + np.exp(-log_odds - low))
positive = rng.random(ROWS) < probability
ranks = pd.Series(probability).rank().to_numpy()
area = (ranks[positive].mean() - (positive.sum() + 1) / 2) / (~positive).sum()
print(f"area under the curve of the true probabilities: {area:.4f}")

columns["answer"] = np.where(positive, "yes", "no")
folder = SetFolder(sys.argv[1], SEED, TEST_SHARE)
facts = {"name": "mixed", "task": "binary", "target": "answer", "metric": "auc", "positive_class": "yes"}
folder.add(pd.DataFrame(columns), facts | {"source": "made by mixed_table.py"})
folder.close()
