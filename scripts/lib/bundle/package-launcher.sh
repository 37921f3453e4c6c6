#!/bin/sh
# Starts the prediction server of this package; README says how. Needs no program but /bin/sh, and no library of the machine
# besides those that deployment/contents.json names. `exec`: the process id and signals are the server's own.
set -eu
case $0 in */*) root=${0%/*} ;; *) root=. ;; esac
root=$(CDPATH='' cd -- "$root" && pwd -P)
# Short names of the flags that are given most; all others are configuration keys as they are.
left=$#
while [ "$left" -gt 0 ]; do
  word=$1
  shift
  left=$((left - 1))
  case $word in
    --host | --host=* | --port | --port=*) word=--predictionServer.${word#--} ;;
    --certificate | --certificate=*) word=--predictionServer.certificateFile${word#--certificate} ;;
    --key | --key=*) word=--predictionServer.keyFile${word#--key} ;;
    --data-dir | --data-dir=*) word=--dataDir${word#--data-dir} ;;
    -h | --help)
      while IFS= read -r line; do printf '%s\n' "$line"; done <"$root/README"
      exit 0
      ;;
  esac
  set -- "$@" "$word"
done
unset NODE_OPTIONS NODE_PATH
exec "$root/runtime/bin/node" --single-threaded-gc --max-semi-space-size=4 "$root/runtime/lib/prediction-server.mjs" \
  --dataDir="$root/data" --predictionServer.packageDir="$root" \
  --telemetry.transport=folder --telemetry.segmentMs=600000 --telemetry.keyFile="$root/deployment/telemetry.key" "$@"
