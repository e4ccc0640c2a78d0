#!/usr/bin/env bash
# Compiles syft's kernel into the given shared object. Further arguments go to the compiler.
set -euo pipefail
library=$1
shift
source=$(dirname "${BASH_SOURCE[0]}")/../../syft/kernel/source/kernel.c
# Written aside and moved: a process that has the old one open keeps it.
"${CC:-cc}" -std=gnu11 -O3 -Wall -Wextra -Werror=vla -fPIC -shared -o "$library.new" "$@" "$source"
mv "$library.new" "$library"
