#!/usr/bin/env bash
# Builds a release into the given folder from what is committed: source distributions, wheels, the context of the
# container image, a CycloneDX list of parts (SBOM) and checksums. Two builds of one commit are equal.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
mkdir -p "$1"
target=$(cd "$1" && pwd)
version=$(cat VERSION)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
git archive HEAD | tar -x -C "$tree"
rm -rf "${target:?}"/*

build() { "$root/.venv/bin/python" -m build --no-isolation --outdir "$target" "$@" >"$tree/build.log" 2>&1 || { cat "$tree/build.log" >&2; exit 1; }; }

# The kernel's wheel: for any Linux whose glibc has the symbols that the kernel asks for.
manylinux_floor() { objdump -T "$1" | grep -o 'GLIBC_[0-9.]*' | cut -d_ -f2 | sort -uV | tail -n 1; }
build_kernel_wheel() {
  local library=$tree/syft/kernel/kernel.so floor
  "$tree/scripts/_toolchain/kernel.sh" "$library"
  floor=$(manylinux_floor "$library")
  if [ "$(printf '%s\n' "$floor" 2.17 | sort -V | tail -n 1)" != 2.17 ]; then
    echo "error: the kernel asks for glibc $floor, and the wheel promises 2.17" >&2
    exit 1
  fi
  build --wheel "-C--build-option=--plat-name=manylinux_2_17_x86_64" "$tree"
}

build --sdist --wheel "$tree"
for plugin in "$tree"/plugins/*/; do build --sdist --wheel "$plugin"; done
if [ "$(uname -m)" = x86_64 ] && command -v "${CC:-cc}" objdump >/dev/null; then build_kernel_wheel; fi

git archive --format=tar HEAD requirements.lock pyproject.toml setup.py VERSION ape-config.yaml LICENSE \
  syft plugins scripts/_toolchain docs/deploy | gzip -n >"$target/sonar-image-context-$version.tar.gz"

.venv/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible \
  --output-file "$target/sonar-$version.cdx.json" 2>/dev/null

(cd "$target" && sha256sum -- * >SHA256SUMS)
ls -1 "$target"
