# Runs the operator and sees to it that the operator never outlives the process that started it.
#
# sh -c "$(cat guardian.sh)" guardian LOG PROGRAM [ARGUMENT...]
#
# Standard input is a pipe that the parent holds open and never writes to. When it ends, because the parent closed it,
# exited, panicked or was killed with SIGKILL, the program gets SIGTERM, and SIGKILL five seconds later.
log=$1
shift

exec 3<&0 </dev/null >/dev/null 2>&1
"$@" >>"$log" 2>&1 3<&- &
child=$!
# For whoever wants to kill the program and not this guardian.
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
# The watcher must not signal a process that has since got the program's number.
kill -TERM "$watcher"
exit "$status"
