"""A folder of data sets as the bench reads them: for each train.csv.gz, test.csv.gz, the same as Parquet; and manifest.json of all."""

import json
import pathlib

import numpy as np


class SetFolder:
    """Sets are cut into train and test by one seed.

    :param seed: of the permutation of each set's rows
    :param test_share: of the rows, 0 to 1
    """

    def __init__(self, path, seed, test_share):
        self.path, self.seed, self.test_share, self.entries = pathlib.Path(path), seed, test_share, []

    def add(self, data, facts):
        """:param facts: of the manifest: name, task, target, metric, source, and of a binary target positive_class"""
        order = np.random.default_rng(self.seed).permutation(len(data))
        test_count = round(self.test_share * len(data))
        parts = {"test": data.iloc[order[:test_count]], "train": data.iloc[order[test_count:]]}
        folder = self.path / facts["name"]
        folder.mkdir(parents=True, exist_ok=True)
        for part, rows in parts.items():
            rows.to_csv(folder / f"{part}.csv.gz", index=False)
            rows.to_parquet(folder / f"{part}.parquet", index=False)
        counts = {"rows_train": len(parts["train"]), "rows_test": test_count, "columns": data.shape[1] - 1}
        self.entries.append(facts | counts)
        print(json.dumps(self.entries[-1]), flush=True)

    def close(self):
        manifest = {"seed": self.seed, "datasets": self.entries}
        (self.path / "manifest.json").write_text(json.dumps(manifest, indent=1))
