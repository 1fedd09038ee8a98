#!/bin/bash
# A sweep as one Slurm job on several nodes. A job that meets its time limit or is preempted saves
# its trials, goes back into the queue and goes on where it was:
#
#   sbatch clusters/slurm.sh asha_optuna --dataset fashion_mnist --trials 200
#
# Edit the lines of your site: partition, time, what one node has.
#SBATCH --job-name=caviar
#SBATCH --nodes=3
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=4
#SBATCH --exclusive
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=caviar-%j.log
#SBATCH --signal=B:TERM@180
set -euo pipefail

: "${CAVIAR_VENV:=$SLURM_SUBMIT_DIR/.venv}"             # on a file system that all nodes see
: "${CAVIAR_STORAGE:=$SLURM_SUBMIT_DIR/results}"        # on one too
: "${CAVIAR_NAME:=slurm-$SLURM_JOB_ID}"                 # the same after a requeue
export PATH=$CAVIAR_VENV/bin:$PATH

# The secret of this cluster, for this job alone. Passed on by the environment, never as an argument.
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$(getent ahostsv4 "$head" | awk 'NR == 1 { print $1 }')
port=$((20000 + SLURM_JOB_ID % 20000))                  # jobs of others may share the network
resources=(--num-cpus="$SLURM_CPUS_PER_TASK" --num-gpus="${SLURM_GPUS_ON_NODE:-0}")

srun --nodes=1 --ntasks=1 --nodelist="$head" --overlap \
  ray start --head --block --node-ip-address="$address" --port="$port" \
  --dashboard-host=127.0.0.1 "${resources[@]}" &
if ((SLURM_JOB_NUM_NODES > 1)); then
  # A worker that comes before the head waits for it: ray start tries again for a minute.
  srun --nodes=$((SLURM_JOB_NUM_NODES - 1)) --ntasks=$((SLURM_JOB_NUM_NODES - 1)) \
    --exclude="$head" --overlap \
    ray start --block --address="$address:$port" "${resources[@]}" &
fi
export RAY_ADDRESS=$address:$port
python - "$SLURM_JOB_NUM_NODES" <<'WAIT'
import sys, time
import ray

until = time.monotonic() + 300
while True:
    try:
        ray.init(log_to_driver=False, logging_level="ERROR")
        if len([node for node in ray.nodes() if node["Alive"]]) >= int(sys.argv[1]):
            break
        ray.shutdown()
    except ConnectionError:
        pass  # the head is not up yet
    if time.monotonic() > until:
        sys.exit(f"fewer than {sys.argv[1]} nodes have joined after 300 s; see the output above")
    time.sleep(2)
WAIT

recipe=${1:?usage: sbatch clusters/slurm.sh RECIPE [OPTIONS]}
shift
again=()
[ -e "$CAVIAR_STORAGE/$CAVIAR_NAME/sweep.json" ] && again=(--resume)
caviar sweep "$recipe" "$@" --storage "$CAVIAR_STORAGE" --name "$CAVIAR_NAME" "${again[@]}" &
sweep=$!
requeue=
trap 'requeue=yes; kill -TERM "$sweep"' TERM            # B:TERM@180 above reaches this shell only
code=0
wait "$sweep" || code=$?
if [ -n "$requeue" ]; then                              # wait was cut short by the signal
  code=0
  wait "$sweep" || code=$?
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
