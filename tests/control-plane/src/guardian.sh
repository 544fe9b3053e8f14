# Runs one component and sees to it that the component never outlives the process that started it.
#
# sh -c "$(cat guardian.sh)" guardian DIRECTORY LOG GRACE PROGRAM [ARGUMENT...]
#
# Standard input is a pipe that the parent holds open and never writes to. When it ends, because the parent closed it,
# exited, panicked or was killed with SIGKILL, the component gets SIGTERM, after GRACE tenths of a second SIGKILL, and
# DIRECTORY is removed. When the component ends first, its exit status is written to standard output, and DIRECTORY
# (which holds the log that says why) stays until the pipe ends.
directory=$1
log=$2
grace=$3
shift 3

exec 3<&0 4>&1 </dev/null >/dev/null 2>&1
"$@" >"$log" 2>&1 3<&- 4>&- &
child=$!

# Only now: an ignored signal would stay ignored in the component. Without this a parent that is gone would end the
# guardian, by SIGPIPE, before it has removed anything.
trap '' PIPE
trap 'kill -TERM "$child"' TERM INT HUP

(
    while read -r _; do :; done <&3
    kill -TERM "$child"
    waited=0
    while kill -0 "$child"; do
        if [ "$waited" -ge "$grace" ]; then
            kill -KILL "$child"
            break
        fi
        sleep 0.1
        waited=$((waited + 1))
    done
) 4>&- &
watcher=$!

# A trapped signal interrupts wait, so the component's end is checked.
while :; do
    wait "$child"
    status=$?
    kill -0 "$child" || break
done

# The watcher must not signal a process that has since got the component's number.
kill -TERM "$watcher"
wait "$watcher"
echo "$status" >&4
exec 4>&-

while read -r _; do :; done <&3
# Every guardian of a control plane removes the one directory after its own component is gone, so the last one finds no
# writer left.
rm -rf "$directory" || { sleep 0.2; rm -rf "$directory"; }
