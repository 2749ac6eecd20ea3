#!/bin/sh
# 6-fold cross-validation of S3DIS: train and test the six folds, go on where that was stopped, sum up.
#   sh scripts/sixfold_s3dis.sh -c CONFIG [-n NAME] [-g GPUS] [-D DATA_ROOT] [--fold 1,2,3] [--seeds K] [--last]
#                               [-w WEIGHTS] [-m MACHINES] [-p PYTHON] [-e auto|standalone|pointcept] [key=value ...]
#   sh scripts/sixfold_s3dis.sh --records FOLDER              sums up Area_1.pth to Area_6.pth made elsewhere
#   sh scripts/sixfold_s3dis.sh -d demo -c ffnet3d-quick      the built-in demo rooms
cd "$(dirname "$0")/.." || exit 2
. scripts/environment.sh
run_command sixfold "$@"
