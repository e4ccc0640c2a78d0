#!/usr/bin/env bash
# An environment apart from the product's, from a lock, by hashes: apart.sh FOLDER LOCK. Does nothing twice.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
folder=$1 lock=$2

# The place counts: an environment does not survive a move.
stamp=$({ pwd -P; cat "$lock"; } | sha256sum | cut -d' ' -f1)
[ "$(cat "$folder/stamp" 2>/dev/null)" != "$stamp" ] || exit 0
echo "$folder ($lock)" >&2
.venv/bin/uv --quiet venv --clear --python .venv/bin/python "$folder"
.venv/bin/uv --quiet pip install --python "$folder/bin/python" --require-hashes -r "$lock"
echo "$stamp" >"$folder/stamp"
