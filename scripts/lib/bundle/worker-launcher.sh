#!/bin/sh
# Starts the worker of this archive: bin/worker [--key.name VALUE ...]. Needs no program but /bin/sh, no Node and no
# library of the machine besides those that manifest.json names. `exec`: the process id and signals are the worker's own.
set -eu
root=$(CDPATH='' cd -- "${0%/*}/.." && pwd -P)
read -r TRAINYARD_WORKER_ARCHIVE_SHA256 <"$root/content.sha256"
export TRAINYARD_WORKER_ARCHIVE_SHA256
export TRAINYARD_LIGHTGBM_LIBRARY="$root/lib/native/lib_lightgbm.so"
export TRAINYARD_XGBOOST_LIBRARY="$root/lib/native/libxgboost.so"
# Where LightGBM finds libgomp.so.1; the task child is given it too.
export LD_LIBRARY_PATH="$root/lib/native${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
# Each thread that allocates would reserve 64 MiB of addresses, which YARN's virtual-memory check counts.
export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}"
# Each thread would reserve 8 MiB of addresses for its stack; 2 MiB are twice what V8 lets its own grow to.
ulimit -S -s 2048 2>/dev/null || :
unset NODE_OPTIONS NODE_PATH TRAINYARD_LIBGOMP_LIBRARY
# The supervisor holds no data and computes nothing: without compiled code it reserves 0.5 GB less and is 25 MB smaller.
# The task child gets flags of its own, its heap by worker.memoryBytes.
exec "$root/bin/node" --jitless --v8-pool-size=1 --max-semi-space-size=1 --max-old-space-size=128 \
  "$root/lib/worker.mjs" "$@"
