#!/usr/bin/env bash
# Symbolic checks of the money, with halmos in an environment of its own: the quick ones, or --all.
# Every check must be proved, and every false statement refuted: see table.py.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$(pwd -P) home=.build/halmos reports=.build/symbolic-reports
export PATH="$root/.venv/bin:$PATH"
# The checks are compiled as the contracts are, apart from these. Their own style is no matter for forge's linter.
export FOUNDRY_SRC=tests/symbolic FOUNDRY_TEST=tests/symbolic FOUNDRY_OUT=.build/symbolic FOUNDRY_CACHE_PATH=.build/symbolic-cache

# What has hundreds of paths, most of them from the sums that a refund and a share of the bond are: only with --all.
SLOW='compensat|create|refund|reclaim|scoreG|fee|voidedFee|onlyMiner(Is|Re)'

# prove CONTRACT SOLVER: halmos' exit status says nothing, for it fails where a false statement is refuted.
# Panics 0x11 (overflow) and 0x12 (division by zero) are failures like 0x01 (assert).
prove() {
  local report=$reports/$2.$1 command
  case $2 in
    cvc5) command="$root/$home/bin/python $root/tests/symbolic/integers.py" ;;
    yices) command="$root/$home/bin/yices-smt2 --smt2-model-format --bvconst-in-decimal" ;;
  esac
  "$home/bin/halmos" --forge-build-out .build/symbolic --contract "$1" --match-test "$chosen" --panic-error-codes 0x01,0x11,0x12 \
    --solver-command "$command" --solver-timeout-assertion 60s --early-exit --no-status --json-output "$report.json" >"$report.txt" 2>&1 || true
  [ -s "$report.json" ] || { tail -20 "$report.txt" >&2; return 1; }
}

case "${1:-}" in
  '') chosen="^check_(?!$SLOW)" ;;
  --all) chosen='^check_' ;;
  *) echo "usage: $0 [--all]" >&2; exit 2 ;;
esac
rm -rf "$reports"
mkdir -p "$reports"
scripts/_toolchain/apart.sh "$home" scripts/_toolchain/halmos.lock
forge build --quiet --ast --extra-output storageLayout metadata

# Two at a time, the longest first.
pair=()
for check in KeptCheck=yices OnceCheck=yices PossibleCheck=yices MinerCheck=yices MoneyCheck=cvc5 AccessCheck=yices BondCheck=cvc5; do
  [ ${#pair[@]} -lt 2 ] || { wait "${pair[0]}"; pair=("${pair[@]:1}"); }
  prove "${check%=*}" "${check#*=}" &
  pair+=($!)
done
for one in "${pair[@]}"; do wait "$one"; done
"$home/bin/python" tests/symbolic/table.py "$reports"/*.json
