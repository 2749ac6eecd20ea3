#!/bin/sh
# All checks: ruff, mypy, the layers' import contract, and the tests. Arguments go to pytest.
cd "$(dirname "$0")/.." || exit 2
. scripts/environment.sh
PYTHON=
VIRTUAL_ENV=
environment dev
set -e
bin=$(dirname "$PYTHON")
"$bin/ruff" check .
"$bin/ruff" format --check .
"$bin/mypy"
"$bin/lint-imports"
"$PYTHON" -m pytest "$@"
