"""Trains 100 trees of 31 leaves and lays them out for a server: `make_lightgbm.py mlflow|mlserver FOLDER`."""
import json
import pathlib
import sys

import lightgbm

from table import NUMERIC, TARGET, table

TREES = 100
LEAVES = 31

server, folder = sys.argv[1], pathlib.Path(sys.argv[2])
frame = table(encoded=True)
features = frame.drop(columns=TARGET)
booster = lightgbm.train(
    {"objective": "binary", "num_leaves": LEAVES, "num_threads": 1, "verbosity": -1, "seed": 1},
    lightgbm.Dataset(features, frame[TARGET], categorical_feature=list(features.columns[NUMERIC:])),
    TREES,
)
if server == "mlflow":
    import mlflow

    mlflow.lightgbm.save_model(booster, folder)
else:
    folder.mkdir()
    booster.save_model(folder / "model.bst")
    settings = {
        "name": "model",
        "implementation": "mlserver_lightgbm.LightGBMModel",
        "parameters": {"uri": "model.bst"},
    }
    (folder / "model-settings.json").write_text(json.dumps(settings))
