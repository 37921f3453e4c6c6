"""H2O AutoML on a server of its own, which ends with it."""
import h2o
from h2o.automl import H2OAutoML

import run

METRICS = {"auc": "AUC", "rmse": "RMSE", "logLoss": "logloss"}


def fit(request, timed):
    h2o.init(nthreads=request.threads, max_mem_size="4G", bind_to_localhost=True, verbose=False)
    h2o.no_progress()
    try:
        # Where all columns are texts it takes the names for a row.
        train, test = (h2o.import_file(file, header=1) for file in (request.trainCsv, request.testCsv))
        if not request.is_regression:
            train[request.target] = train[request.target].asfactor()
        test = test.drop(request.target)
        model = H2OAutoML(
            max_runtime_secs=request.budgetSeconds,
            seed=request.seed,
            sort_metric=METRICS[request.metric],
            stopping_metric=METRICS[request.metric],
        )
        timed(lambda: model.train(y=request.target, training_frame=train))
        frame = model.leader.predict(test).as_data_frame()
        if request.is_regression:
            return None, frame["predict"].to_numpy()
        classes = train[request.target].levels()[0]
        # After the predicted label there is one column for each level, in their order.
        return classes, frame.iloc[:, 1:].to_numpy()
    finally:
        h2o.cluster().shutdown()


run.main(fit, h2o.__version__)
