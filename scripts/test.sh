#!/bin/sh
# Test a trained network on data.test of its run and write a report.
#   sh scripts/test.sh -d DATASET -n NAME [-w model_best] [-c CONFIG] [-g GPUS] [-m MACHINES] [-p PYTHON]
#                      [-e auto|standalone|pointcept] [-D DATA_ROOT] [--fast [--compare N]] [--fresh]
#                      [--probabilities] [--submit] [key=value ...]
# Interrupted, the same command goes on with the scenes that are left. See docs/testing.md.
cd "$(dirname "$0")/.." || exit 2
. scripts/environment.sh
run_command test "$@"
