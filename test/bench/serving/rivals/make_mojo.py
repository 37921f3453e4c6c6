"""Trains 100 trees of at most 32 leaves and exports them as a MOJO: `make_mojo.py FILE`. Later releases of H2O refuse to."""
import sys

import h2o
from h2o.estimators import H2OGradientBoostingEstimator

from table import NUMERIC, TARGET, table

h2o.init(nthreads=1, max_mem_size="2G", bind_to_localhost=True, verbose=False)
h2o.no_progress()
try:
    pandas_frame = table(encoded=False)
    frame = h2o.H2OFrame(pandas_frame)
    for name in [*pandas_frame.columns[NUMERIC:-1], TARGET]:
        frame[name] = frame[name].asfactor()
    model = H2OGradientBoostingEstimator(ntrees=100, max_depth=5, min_rows=1, seed=1)
    model.train(y=TARGET, training_frame=frame)
    model.download_mojo(path=sys.argv[1])
finally:
    h2o.cluster().shutdown()
