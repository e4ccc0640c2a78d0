#!/usr/bin/env bash
# Fuzzes every decoder in turn: run.sh MESSAGES [SEED]. Stops at the first failure and keeps its input.
# atheris has its own environment, with the packages of the product's environment on its path.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

apart=.build/fuzz-env found=.build/fuzz-found
scripts/_toolchain/apart.sh "$apart" tests/fuzz/atheris.lock
mkdir -p "$found"
borrowed=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
members=$PWD:$PWD/plugins/sonar-core:$PWD/plugins/ape-sonar

fuzz() { PYTHONPATH=$members:$borrowed "$apart/bin/python" -m tests.fuzz.fuzz "$@"; }

names=$(PYTHONPATH=$members .venv/bin/python -c 'from tests.fuzz.decoders import decoders; print(*decoders(), sep="\n")')
while read -r name; do
  log=$found/${name// /-}.log
  if ! fuzz "$name" -runs="$1" -seed="${2:-1}" -timeout=10 -rss_limit_mb=2048 -max_len=16384 \
    -artifact_prefix="$found/" </dev/null >"$log" 2>&1; then
    tail -25 "$log"
    echo "fuzzing the decoder of: $name: FAILED" >&2
    exit 1
  fi
  printf '  %-16s %9s messages, %s\n' "$name" "$1" "$(grep -o 'cov: [0-9]*' "$log" | tail -1 | sed 's/cov:/branches reached:/')"
done <<<"$names"
