"""The rival: H2O-3 on the same Parquet files, a GBM of the same size. Prints one JSON line."""
import glob
import json
import os
import sys
import time

import h2o
from h2o.estimators import H2OGradientBoostingEstimator

folder, trees, depth, threads, memory = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]


def server(pid):
    """Peak of its memory in MiB, and seconds of processors."""
    with open(f"/proc/{pid}/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return {"peakMib": round(peak / 1024), "cpuSeconds": (int(fields[11]) + int(fields[12])) / 100}


h2o.init(nthreads=threads, max_mem_size=memory, bind_to_localhost=True, verbose=False)
h2o.no_progress()
pid = h2o.cluster().nodes[0]["pid"]
found = {"h2o": h2o.__version__, "maxMemory": memory}
started = time.perf_counter()
try:
    # Rows of all files are alike: parts by files, since split_frame holds a copy of all values, and 12 GB were too few for it.
    files = sorted(glob.glob(os.path.join(folder, "*.parquet")))
    ends = [round(0.6 * len(files)), round(0.8 * len(files))]
    frames = [h2o.import_file(part) for part in (files[:ends[0]], files[ends[0]:ends[1]], files[ends[1]:])]
    found["parseSeconds"] = time.perf_counter() - started
    found["rows"] = [frame.nrow for frame in frames]
    for frame in frames:
        frame["target"] = frame["target"].asfactor()
    training, validation, holdout = frames
    model = H2OGradientBoostingEstimator(ntrees=trees, max_depth=depth, learn_rate=0.1, seed=1)
    model.train(y="target", x=[name for name in frame.columns if name not in ("target", "row_id")],
                training_frame=training, validation_frame=validation)
    found["validation"] = model.auc(valid=True)
    found["holdout"] = model.model_performance(holdout).auc()
except Exception as err:  # what it ends with is the result
    found["failed"] = str(err)[:2_000]
found["wallSeconds"] = time.perf_counter() - started
found.update(server(pid))
print(json.dumps(found))
try:
    h2o.cluster().shutdown()
except Exception:
    pass
