"""The made table that the rivals' models are trained on: 6 numbers, 8 categories, as synthetic-model.ts has them."""
import numpy
import pandas

LEVELS = [9, 16, 7, 15, 6, 5, 2, 42]
NUMERIC = 6
ROWS = 20_000
TARGET = "y"


def table(encoded):
    """A frame of ROWS rows; categories as codes where `encoded`, else as the texts that clients send."""
    random = numpy.random.default_rng(1)
    columns = {f"number_{i}": random.integers(0, 1000, ROWS) / 10 for i in range(NUMERIC)}
    score = sum((column - 50) * weight for column, weight in zip(columns.values(), random.normal(size=NUMERIC) / 50))
    for i, levels in enumerate(LEVELS):
        codes = random.integers(0, levels, ROWS)
        score = score + random.normal(size=levels)[codes] / 2
        columns[f"category_{NUMERIC + i}"] = codes.astype(float) if encoded else [f"value {code}" for code in codes]
    columns[TARGET] = (score + random.logistic(size=ROWS) > 0).astype(int)
    return pandas.DataFrame(columns)
