#!/usr/bin/env bash
# Every check is proved, and every negative control (check_refuted_*) refuted by a counterexample; a time-out is neither.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH="$PWD/.venv/bin:$PATH" FOUNDRY_SRC=tests/symbolic FOUNDRY_OUT=.build/symbolic FOUNDRY_CACHE_PATH=.build/symbolic-cache
if [ ! -x .build/halmos/bin/halmos ]; then
  uv venv --quiet .build/halmos --python .venv/bin/python
  uv pip install --quiet --python .build/halmos/bin/python --require-hashes -r scripts/_toolchain/halmos.lock
fi
told=$(NO_COLOR=1 .build/halmos/bin/halmos --forge-build-out .build/symbolic --contract MoneyCheck --solver z3 \
  --solver-timeout-assertion 20000 2>&1 | sed 's/\x1b\[[0-9;]*m//g' | grep -E '^\[|Counterexample' || true)
echo "$told"
[ "$(grep -c '^\[PASS\] check_' <<<"$told")" = 3 ]
[ "$(grep -c '^\[FAIL\] check_refuted_' <<<"$told")" = 1 ]
[ "$(grep -c Counterexample <<<"$told")" = 1 ]
