# A worker that does nothing; its container ends as it is told by signals.
trap 'exit 3' USR1
trap 'exit 0' USR2
echo "worker $CONTAINER_ID"
echo "words of a worker" >&2
while true; do
  sleep 0.2 &
  wait $!
done
