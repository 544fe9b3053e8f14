# Runs the operator and stops it when the process that started this script ends.
#
# sh -c "$(cat guardian.sh)" guardian LOG PROGRAM [ARGUMENT...]
#
# Standard input is a pipe that the parent holds open and never writes to. When the pipe closes, because the parent
# closed it, exited, panicked or was killed with SIGKILL, this script sends the program SIGTERM, and SIGKILL five
# seconds later.
log=$1
shift

exec 3<&0 </dev/null >/dev/null 2>&1
"$@" >>"$log" 2>&1 3<&- &
child=$!
# The demo reads this file to kill the program itself instead of this script.
echo "$child" >"$log.pid"

(
    while read -r _; do :; done <&3
    kill -TERM "$child"
    waited=0
    while kill -0 "$child" && [ "$waited" -lt 50 ]; do
        sleep 0.1
        waited=$((waited + 1))
    done
    kill -KILL "$child"
) &
watcher=$!
exec 3<&-

wait "$child"
status=$?
# The watcher must not signal another process that has since been given the program's process ID.
kill -TERM "$watcher"
exit "$status"
