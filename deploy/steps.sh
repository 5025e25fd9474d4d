# shellcheck shell=bash
# Sourced by the commands in this folder: steps with a name and a time, and no process left behind.

group=   # the process group of the step that runs
scratch= # a folder that goes when we do

trap leave EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Runs a command in a process group of its own, so that a signal to us ends the whole group before we end. A plain bash
# would wait for the command to finish, or leave it running.
in_group() {
  local status=0
  set -m
  "$@" </dev/null &
  group=$!
  set +m
  wait "$group" || status=$?
  group=
  return "$status"
}

leave() {
  trap '' HUP INT TERM
  if [ -n "$group" ]; then
    printf '%s: stopped, ending what was started\n' "${0##*/}" >&2
    kill -TERM -- "-$group" 2>/dev/null || true
    for _ in {1..50}; do
      kill -0 -- "-$group" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL -- "-$group" 2>/dev/null || true
  fi
  [ -z "$scratch" ] || rm -rf "$scratch"
}

# step NAME COMMAND...: says what it does and how long it took; a failure ends the script and says which step it was.
step() {
  local name=$1 start=$EPOCHREALTIME status=0
  shift
  printf '\n== %s\n' "$name" >&2
  in_group "$@" || status=$?
  local seconds
  seconds=$(elapsed "$start")
  if [ "$status" -ne 0 ]; then
    printf '== %s FAILED with exit code %s after %s s\n' "$name" "$status" "$seconds" >&2
    exit "$status"
  fi
  printf '== %s: %s s\n' "$name" "$seconds" >&2
}

# Seconds since a value of EPOCHREALTIME, whose decimal sign depends on the locale.
elapsed() {
  local now=${EPOCHREALTIME//[.,]/} then=${1//[.,]/}
  printf '%d.%d' $(((now - then) / 1000000)) $(((now - then) / 100000 % 10))
}
