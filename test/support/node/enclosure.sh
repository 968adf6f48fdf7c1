#!/bin/sh
# Runs a command in network, mount and pid namespaces of its own, and leaves nothing behind.
# Usage: enclosure.sh <state directory> <cgroup> <command…>; standard input is a pipe that its owner holds open.
#
# Whatever the command starts, pods included, is in the pid namespace, which the kernel empties when its first process
# ends; mounts and network go with their namespaces. That first process ends with the command, when the pipe closes
# (the owner ended, by kill -9 too) and when this shell is killed. What is left is this shell's to remove: the cgroups
# and the directory. If it is killed itself, the next start sweeps them.
set -u
state=$1
cgroup=$2
shift 2

# cgroup v1 has a tree for each controller, v2 only one.
trees() { if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo /sys/fs/cgroup; else ls -d /sys/fs/cgroup/*; fi; }
each_cgroup() { # each_cgroup <command…>; the path comes last
  for tree in $(trees); do
    [ ! -e "$tree/cgroup.procs" ] || "$@" "$tree/$cgroup"
  done
}
remove_cgroup() {
  [ ! -d "$1" ] || find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
}
remove() { # false: something is still there
  each_cgroup remove_cgroup
  rm -rf -- "$state" 2>/dev/null
  for path in "$state" $(each_cgroup echo); do
    [ ! -e "$path" ] || return 1
  done
}
clean_up() { # the kernel takes a moment to end every process
  tries=0
  until remove; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || return 1
    sleep 0.1
  done
}

if [ $# -eq 0 ]; then # only sweep what an earlier one left
  clean_up
  exit
fi

each_cgroup mkdir -p
exec 3<&0
# The inner shell is the first process: it collects the orphans.
setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private \
  sh -c '"$@" & wait "$!"' sh "$@" </dev/null 3<&- &
holder=$!
echo "$holder" >"$state/holder.pid"
# Its first process, whose end its parent awaits: so nothing runs any more once the holder has ended.
empty='kill -9 $(cat "/proc/$1/task/$1/children") || kill -9 "$1"'
# Ends with this shell: it must not kill who has the holder's pid later.
setpriv --pdeathsig KILL sh -c "while read -r _; do :; done; $empty" sh "$holder" <&3 2>/dev/null &
watcher=$!
exec 3<&-
trap 'sh -c "$empty" sh "$holder"' HUP INT TERM
wait "$holder"
code=$?
trap '' HUP INT TERM
# A signal ends the first wait, whoever it was for.
wait "$holder"
kill -9 "$watcher" 2>/dev/null
wait "$watcher"
clean_up || echo "enclosure: could not remove $state or its cgroups" >&2
exit "$code"
