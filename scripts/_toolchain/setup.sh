#!/usr/bin/env bash
# Makes the environment in .venv: Python and npm packages by their locks, the Solidity compiler, Foundry's binaries;
# and compiles syft's kernel.
# Idempotent: a step runs again only when what it is made from has changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$(pwd -P)

# Compiled bytecode saves two seconds at every start of ape.
unset PYTHONDONTWRITEBYTECODE

say() { printf '\033[1m%s\033[0m\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# A stamp is the digest of what a step was made from; the place counts, for an environment does not survive a move.
digest() { { echo "$root"; cat "$@"; } | sha256sum | cut -d' ' -f1; }
done_for() { local step=$1; shift; [ "$(cat ".venv/stamps/$step" 2>/dev/null)" = "$(digest "$@")" ]; }
mark() { local step=$1; shift; mkdir -p .venv/stamps; digest "$@" >".venv/stamps/$step"; }
uv() { .venv/bin/uv --quiet "$@"; }

usable() {
  "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] not in [(3, 11), (3, 12)])' 2>/dev/null
}

find_python() {
  local candidate
  for candidate in python3.12 python3.11 python3; do
    usable "$candidate" && command -v "$candidate" && return
  done
  fail "Python 3.11 or 3.12 with venv is needed (Debian: apt-get install python3-venv python3-dev gcc make)"
}

make_venv() {
  done_for venv /dev/null && usable .venv/bin/python && return
  local python
  python=$(find_python)
  say "Python environment ($("$python" --version))"
  rm -rf .venv
  "$python" -m venv .venv
  mark venv /dev/null
}

# uv comes first, alone, by its hashes out of the same lock: it installs the rest in seconds.
install_uv() {
  awk '/^[^ ]/ {keep = /^uv==/} keep' requirements.lock >.venv/uv.lock
  done_for uv .venv/uv.lock && return
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r .venv/uv.lock
  mark uv .venv/uv.lock
}

install_python() {
  done_for python requirements.lock && return
  say "Python packages (requirements.lock)"
  install_uv
  uv pip sync --python .venv/bin/python --require-hashes --compile-bytecode requirements.lock
  rm -f .venv/stamps/members
  mark python requirements.lock
}

install_members() {
  local projects=(pyproject.toml plugins/*/pyproject.toml) project editable=()
  done_for members "${projects[@]}" VERSION && return
  say "syft and the plugins (editable)"
  for project in "${projects[@]}"; do editable+=(--editable "./$(dirname "$project")"); done
  uv pip install --python .venv/bin/python --no-deps --no-build-isolation "${editable[@]}"
  mark members "${projects[@]}" VERSION
}

install_node() {
  # 18: what the npm packages in the lock ask for.
  if ! PATH="$root/.venv/bin:$PATH" sh -c 'command -v npm && node -e "process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)"' >/dev/null; then
    say "node (from a Python package: this machine has none of use)"
    uv pip install --python .venv/bin/python --require-hashes -r scripts/_toolchain/node.lock
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
    if [ -f "$binary" ]; then
      chmod +x "$binary"
      ln -sfn "../../$binary" ".venv/bin/$tool"
    else
      command -v "$tool" >/dev/null || fail "npm has no $tool for this platform: install Foundry 1.7.1, then run this again"
    fi
  done
}

# Syft computes faster with its kernel, and the same without: where there is no compiler, it is simply not there.
compile_kernel() {
  local sources=(syft/kernel/source/* scripts/_toolchain/kernel.sh) library=syft/kernel/kernel.so
  done_for kernel "${sources[@]}" && [ -e "$library" ] && return
  rm -f "$library"
  command -v "${CC:-cc}" >/dev/null || return 0
  say "syft's kernel"
  if scripts/_toolchain/kernel.sh "$library"; then
    mark kernel "${sources[@]}"
  else
    say "syft's kernel does not compile here: gmpy2 does the arithmetic"
  fi
}

# Native solc where it can be downloaded; where not, scripts/_toolchain/solc falls back on npm's soljson.
install_solc() {
  local native=.solc/native/solc-v0.8.30
  done_for solc scripts/_toolchain/setup.sh && [ -e .solc/solc-v0.8.30 ] && return
  say "Solidity compiler"
  mkdir -p .solc/native
  SOLCX_BINARY_PATH=$root/.solc/native .venv/bin/python -c 'import solcx; solcx.install_solc("0.8.30")' >/dev/null 2>&1 &&
    "$native" --version >/dev/null 2>&1 || rm -f "$native"
  ln -sfn ../scripts/_toolchain/solc .solc/solc-v0.8.30
  mark solc scripts/_toolchain/setup.sh
}

# ape finds the compiler, and anvil, with or without an activated environment.
hook_environment() {
  done_for environment scripts/_toolchain/environment.py && return
  local site
  site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  cp scripts/_toolchain/environment.py "$site/_sonar_environment.py"
  echo 'import _sonar_environment' >"$site/_sonar_environment.pth"
  mark environment scripts/_toolchain/environment.py
}

make_venv
install_python
install_members
install_node
link_foundry
install_solc
compile_kernel
hook_environment
