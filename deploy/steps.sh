# shellcheck shell=bash
# Sourced by the commands in this folder: steps with a name and a time, and no process left behind.

# Runs a command in a process group of its own. On Ctrl-C, SIGTERM or SIGHUP to us the whole group is ended before we
# are; a plain bash would wait for the command to finish, or leave it running.
in_group() {
  set -m
  "$@" </dev/null &
  group=$!
  set +m
  trap 'end_group INT 130' INT
  trap 'end_group TERM 143' TERM
  trap 'end_group HUP 129' HUP
  local status=0
  wait "$group" || status=$?
  trap - INT TERM HUP
  group=
  return "$status"
}

end_group() {
  trap '' INT TERM HUP
  printf '%s: stopped by SIG%s, ending what was started\n' "${0##*/}" "$1" >&2
  kill -TERM -- "-$group" 2>/dev/null || true
  for _ in {1..50}; do
    kill -0 -- "-$group" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL -- "-$group" 2>/dev/null || true
  exit "$2"
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
