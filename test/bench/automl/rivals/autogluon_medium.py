"""AutoGluon with its preset for such times. It has no seed."""
import tempfile

import pandas as pd
from autogluon.tabular import TabularPredictor
from autogluon.tabular import __version__

import run

METRICS = {"auc": "roc_auc", "rmse": "root_mean_squared_error", "logLoss": "log_loss"}


def fit(request, timed):
    train, test = pd.read_parquet(request.train), pd.read_parquet(request.test)
    test = test.drop(columns=[request.target])
    with tempfile.TemporaryDirectory() as folder:
        predictor = TabularPredictor(
            label=request.target,
            problem_type=request.task,
            eval_metric=METRICS[request.metric],
            path=folder,
            verbosity=0,
        )
        timed(
            lambda: predictor.fit(
                train, presets="medium_quality", time_limit=request.budgetSeconds, num_cpus=request.threads
            )
        )
        if request.is_regression:
            return None, predictor.predict(test).to_numpy()
        frame = predictor.predict_proba(test)
        return list(frame.columns), frame.to_numpy()


run.main(fit, __version__)
