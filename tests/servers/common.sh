# Sourced by the scripts beside it. Each of them installs one server for the interop
# scenes, once, into a folder of its own below
# ${XDG_CACHE_HOME:-$HOME/.cache}/seaworthy/servers, and prints that folder. Where this
# machine lacks the means it says so on stderr and exits 3. With --check it only looks.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)"
root="${XDG_CACHE_HOME:-$HOME/.cache}/seaworthy/servers"
check=
if [ "${1:-}" = --check ]; then check=yes; shift; fi

unavailable() {
  printf '%s\n' "$*" >&2
  exit 3
}

# require PROGRAM WHAT-FOR
require() {
  command -v "$1" >/dev/null || unavailable "$1 is not installed, which $2 needs"
}

# begin NAME FILE...: ends the script where the server is there; else leaves an empty
# $folder for it. The folder's name changes with the files, so a new pin is a new folder.
begin() {
  local name="$1"
  shift
  folder="$root/$name-$(cat "$@" | sha256sum | cut -c1-12)"
  offer
  [ -z "$check" ] || unavailable "$name is not installed; run tests/servers/$(basename "$0")"
  mkdir -p "$root"
  exec 9>"$folder.lock"
  flock -w 1800 9 || unavailable "$name is being installed by another process for half an hour"
  offer
  rm -rf "$folder"
  mkdir "$folder"
}

offer() {
  if [ -f "$folder/complete" ]; then
    printf '%s\n' "$folder"
    exit 0
  fi
}

# attempt SECONDS WHAT COMMAND...
attempt() {
  local seconds="$1" what="$2" log="$folder.log"
  shift 2
  # In the group of the caller, so that whoever ends the caller ends this too.
  timeout --foreground "$seconds" "$@" >"$log" 2>&1 </dev/null ||
    unavailable "$what did not succeed (exit code $?): $(grep . "$log" | tail -n 1) [$log]"
}

finish() {
  touch "$folder/complete"
  rm -f "$folder.log"
  printf '%s\n' "$folder"
}
