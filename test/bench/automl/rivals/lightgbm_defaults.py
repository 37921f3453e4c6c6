"""LightGBM as it comes, categories given as such."""
import lightgbm

import run


def fit(request, timed):
    train, answer, test = run.tables(request)
    kind = lightgbm.LGBMRegressor if request.is_regression else lightgbm.LGBMClassifier
    model = kind(n_jobs=request.threads, random_state=request.seed, verbosity=-1)
    timed(lambda: model.fit(train, answer))
    if request.is_regression:
        return None, model.predict(test)
    return model.classes_, model.predict_proba(test)


run.main(fit, lightgbm.__version__)
