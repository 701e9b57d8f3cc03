#!/usr/bin/env bash
# Installs what the build tags rocksdb and lmdb need: a C and C++ compiler,
# RocksDB with its headers, and the compression libraries it links. LMDB comes
# with its Go module and needs the compiler only.
#
# Does nothing when all of it is there. Works on Debian and its relatives, as
# root; elsewhere it says what to install by hand.
set -euo pipefail

# What the binding (grocksdb v1.7.14) is written for and links.
want_version=7.8
link_flags=(-lrocksdb -lstdc++ -lm -ldl -lpthread -lzstd -llz4 -lz -lsnappy)

packages=(gcc g++ libc6-dev librocksdb-dev libsnappy-dev liblz4-dev libzstd-dev zlib1g-dev)

say() { printf 'install-cgo: %s\n' "$*"; }

die() {
  printf 'install-cgo: %s\n' "$@" >&2
  exit 1
}

# Builds and runs a program that calls the library, and prints the version that
# its headers state.
probe() {
  local dir status=0
  dir=$(mktemp -d)
  cat >"$dir/probe.c" <<'C'
#include <rocksdb/c.h>
int main(void) {
  rocksdb_options_destroy(rocksdb_options_create());
  return 0;
}
C
  { "${CC:-gcc}" -o "$dir/probe" "$dir/probe.c" "${link_flags[@]}" && "$dir/probe" && header_version; } \
    2>"$dir/errors" || status=$?
  [ "$status" -eq 0 ] || [ -z "${PROBE_VERBOSE:-}" ] || cat "$dir/errors" >&2
  rm -rf "$dir"
  return "$status"
}

header_version() {
  "${CXX:-g++}" -x c++ -E -dM -include rocksdb/version.h /dev/null |
    awk '$2 ~ /^ROCKSDB_(MAJOR|MINOR|PATCH)$/ { v[$2] = $3 }
      END { print v["ROCKSDB_MAJOR"] "." v["ROCKSDB_MINOR"] "." v["ROCKSDB_PATCH"] }'
}

check_version() {
  case $1 in
    "$want_version".*) say "RocksDB $1 compiles and links; nothing to do" ;;
    *) die "RocksDB $1 is installed, but the binding grocksdb v1.7.14 is for $want_version.x." \
           "Install librocksdb-dev $want_version (Debian 12 has it), or build without the tag rocksdb." ;;
  esac
}

if version=$(probe); then
  check_version "$version"
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  die "this is not Debian: no apt-get." \
      "Install by hand a C and C++ compiler, RocksDB $want_version with headers," \
      "and the development files of snappy, lz4, zstd and zlib. Then run this again to check."
fi
if [ "$(id -u)" -ne 0 ]; then
  die "not root. Run as root, or:" \
      "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages[*]}"
fi

say "apt-get update"
apt-get update -q
say "apt-get install ${packages[*]}"
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${packages[@]}"

if ! version=$(PROBE_VERBOSE=1 probe); then
  die "the packages are installed, but a program with RocksDB does not build or run; see above"
fi
check_version "$version"
