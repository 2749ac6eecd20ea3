# Sourced by the other scripts: sets PYTHON to an interpreter that has what they need.
#   environment EXTRAS   uses $PYTHON where the caller set it (-p); else the active virtual environment
#                        if it has all packages; else makes .venv here, installs with constraints.txt, and
#                        remembers what it installed. $FFNET3D_TORCH_INDEX: package index to take PyTorch from.

NEEDED="import torch, lightning_fabric, tensorboard, tqdm, scipy, safetensors, addict, typer, rich, matplotlib"

environment() {
  extras=$1
  if [ -n "$PYTHON" ]; then return 0; fi
  if [ -n "$VIRTUAL_ENV" ] && "$VIRTUAL_ENV/bin/python" -c "$NEEDED" 2>/dev/null; then
    PYTHON=$VIRTUAL_ENV/bin/python
    return 0
  fi
  wanted="$extras $(cat pyproject.toml constraints.txt | cksum)"
  PYTHON=$PWD/.venv/bin/python
  if [ -x "$PYTHON" ] && grep -qxF "$wanted" .venv/installed 2>/dev/null; then return 0; fi
  echo "Setting up .venv (first use: downloads PyTorch, some minutes)" >&2
  base=$(command -v python3 || command -v python) || {
    echo "No python3 found: install Python 3.11 or newer" >&2
    exit 2
  }
  [ -x "$PYTHON" ] || "$base" -m venv .venv || exit 2
  if [ -n "$FFNET3D_TORCH_INDEX" ]; then
    "$PYTHON" -m pip install --quiet --disable-pip-version-check -c constraints.txt \
      --index-url "$FFNET3D_TORCH_INDEX" torch || exit 2
  fi
  "$PYTHON" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$extras]" || exit 2
  echo "$wanted" >>.venv/installed
}

# run_command COMMAND ARGUMENTS...   runs `ffnet3d COMMAND`; -p PYTHON is taken out of the arguments.
run_command() {
  command=$1
  shift
  PYTHON=
  left=$#
  while [ "$left" -gt 0 ]; do
    case $1 in
      -p)
        [ "$left" -gt 1 ] || { echo "-p needs a Python interpreter" >&2; exit 2; }
        PYTHON=$2; shift 2; left=$((left - 2)) ;;
      *) set -- "$@" "$1"; shift; left=$((left - 1)) ;;
    esac
  done
  environment all
  exec "$PYTHON" -m ffnet3d "$command" "$@"
}
