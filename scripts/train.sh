#!/bin/sh
# Train a network, test it and write a report to exp/DATASET/NAME.
#   sh scripts/train.sh -d DATASET -c CONFIG [-n NAME] [-g GPUS] [-w WEIGHTS] [-r true] [-m MACHINES] [-p PYTHON]
#                       [-e auto|standalone|pointcept] [-D DATA_ROOT] [key=value ...]
#   sh scripts/train.sh -d demo -c ffnet3d          the built-in demo rooms, some minutes on two cores
cd "$(dirname "$0")/.." || exit 2
. scripts/environment.sh
run_command train "$@"
