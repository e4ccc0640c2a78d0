#!/usr/bin/env bash
# Makes the environment in .venv: Python and npm packages by their locks, the Solidity compiler, Foundry's binaries.
# Idempotent: a step runs again only when what it is made from has changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD

# Compiled bytecode saves two seconds at every start of ape.
unset PYTHONDONTWRITEBYTECODE

say() { printf '\033[1m%s\033[0m\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# done_for NAME FILE...: whether step NAME already ran for exactly these files.
stamp() { printf '%s/.venv/stamps/%s' "$root" "$1"; }
digest() { cat "$@" | sha256sum | cut -d' ' -f1; }
done_for() { local name=$1; shift; [ "$(cat "$(stamp "$name")" 2>/dev/null)" = "$(digest "$@")" ]; }
mark() { local name=$1; shift; mkdir -p .venv/stamps; digest "$@" >"$(stamp "$name")"; }

find_python() {
  local candidate
  for candidate in python3.12 python3.11 python3; do
    if "$candidate" -c 'import sys, venv; sys.exit(sys.version_info[:2] not in [(3, 11), (3, 12)])' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  fail "Python 3.11 or 3.12 with venv is needed (Debian: apt-get install python3-venv gcc make)"
}

make_venv() {
  [ -x .venv/bin/python ] && .venv/bin/python -c '' 2>/dev/null && return
  say "Python environment"
  rm -rf .venv
  "$(find_python)" -m venv .venv
}

install_python() {
  done_for python requirements.lock && return
  say "Python packages (requirements.lock)"
  # uv alone first, by its hashes out of the same lock: it installs the rest in seconds.
  awk '/^[^ ]/ {keep = /^uv==/} keep' requirements.lock >.venv/uv.lock
  [ -x .venv/bin/uv ] || .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .venv/uv.lock
  .venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes --compile-bytecode requirements.lock
  rm -f .venv/stamps/members
  mark python requirements.lock
}

install_members() {
  local projects=(pyproject.toml plugins/*/pyproject.toml)
  done_for members "${projects[@]}" && return
  say "syft and the plugins (editable)"
  local project arguments=()
  for project in "${projects[@]}"; do arguments+=(--editable "./$(dirname "$project")"); done
  .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation "${arguments[@]}"
  mark members "${projects[@]}"
}

install_node() {
  if [ ! -x .venv/bin/npm ] && ! command -v npm >/dev/null; then
    say "node (from a Python package: this machine has no npm)"
    .venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r scripts/_toolchain/node.lock
  fi
  done_for npm package-lock.json && [ -d node_modules ] && return
  say "npm packages (package-lock.json)"
  PATH="$root/.venv/bin:$PATH" npm ci --ignore-scripts --no-audit --no-fund --silent
  mark npm package-lock.json
}

link_foundry() {
  local tool binary
  for tool in anvil cast forge; do
    binary=node_modules/@foundry-rs/$tool-linux-amd64/bin/$tool
    [ -f "$binary" ] || { command -v "$tool" >/dev/null || fail "no $tool for this platform: install Foundry 1.7.1"; continue; }
    [ "$(readlink ".venv/bin/$tool" || true)" = "../../$binary" ] && continue
    chmod +x "$binary"
    ln -sfn "../../$binary" ".venv/bin/$tool"
  done
}

# Native solc where it can be downloaded, else npm's soljson behind the same command line.
install_solc() {
  local solc=.solc/solc-v0.8.30 native=.solc/native/solc-v0.8.30
  done_for solc scripts/_toolchain/solc.js scripts/_toolchain/setup.sh && [ -x $solc ] && return
  say "Solidity compiler"
  mkdir -p .solc/native
  SOLCX_BINARY_PATH=$root/.solc/native .venv/bin/python -c 'import solcx; solcx.install_solc("0.8.30")' >/dev/null 2>&1 || true
  if [ -x $native ]; then
    # ape compiles a copy of the project elsewhere, without node_modules: imports are looked up here as well.
    printf '#!/bin/sh\ncase "$*" in *--base-path*) set -- --include-path "%s" "$@" ;; esac\nexec "%s" "$@"\n' "$root" "$root/$native" >$solc
  else
    printf '#!/bin/sh\nPATH="$PATH:%s/.venv/bin" exec node "%s/scripts/_toolchain/solc.js" "$@"\n' "$root" "$root" >$solc
  fi
  chmod +x $solc
  mark solc scripts/_toolchain/solc.js scripts/_toolchain/setup.sh
}

# ape finds the compiler, and anvil, with or without an activated environment.
hook_environment() {
  local site
  site=$(echo .venv/lib/python3.*/site-packages)
  cp scripts/_toolchain/environment.py "$site/_sonar_environment.py"
  echo 'import _sonar_environment' >"$site/_sonar_environment.pth"
}

make_venv
install_python
install_members
install_node
link_foundry
install_solc
hook_environment
