#!/bin/bash
# On a spot instance of AWS: two minutes before it is taken back, tells Ray that this machine goes.
# The sweep then saves the trials here at every epoch. Started beside Ray on every worker.
set -uo pipefail
metadata=http://169.254.169.254/latest
while sleep 5; do
  token=$(curl -sf -m 2 -X PUT "$metadata/api/token" -H 'X-aws-ec2-metadata-token-ttl-seconds: 60') || continue
  # 404 until there is a notice
  notice=$(curl -sf -m 2 -H "X-aws-ec2-metadata-token: $token" "$metadata/meta-data/spot/instance-action") || continue
  RAY_AUTH_MODE=token ray drain-node --reason DRAIN_NODE_REASON_PREEMPTION \
    --reason-message "$notice" --deadline-remaining-seconds 110 && exit 0
done
