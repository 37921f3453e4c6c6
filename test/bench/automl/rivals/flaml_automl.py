"""FLAML as its documentation shows it: a task, a metric and a time."""
import flaml
import run

METRICS = {"auc": "roc_auc", "rmse": "rmse", "logLoss": "log_loss"}


def fit(request, timed):
    train, answer, test = run.tables(request)
    model = flaml.AutoML()
    timed(
        lambda: model.fit(
            train,
            answer,
            task="regression" if request.is_regression else "classification",
            metric=METRICS[request.metric],
            time_budget=request.budgetSeconds,
            n_jobs=request.threads,
            seed=request.seed,
            verbose=0,
        )
    )
    if request.is_regression:
        return None, model.predict(test)
    return model.classes_, model.predict_proba(test)


run.main(fit, flaml.__version__)
