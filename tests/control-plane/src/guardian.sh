# Runs one component and stops it when the process that started this script ends.
#
# sh -c "$(cat guardian.sh)" guardian DIRECTORY LOG GRACE PROGRAM [ARGUMENT...]
#
# Standard input is a pipe that the parent holds open and never writes to. When the pipe closes, because the parent
# closed it, exited, panicked or was killed with SIGKILL, this script sends the component SIGTERM, sends SIGKILL after
# GRACE tenths of a second, and removes DIRECTORY. If the component exits first, this script writes its exit status to
# standard output and keeps DIRECTORY, which holds the component's log, until the pipe closes.
directory=$1
log=$2
grace=$3
shift 3

exec 3<&0 4>&1 </dev/null >/dev/null 2>&1
"$@" >"$log" 2>&1 3<&- 4>&- &
child=$!

# Set only after the component has started, because the component would inherit an ignored signal. Without this, writing
# the exit status after the parent is gone would kill this script with SIGPIPE before it removes DIRECTORY.
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

# A trapped signal interrupts `wait`, so check whether the component has really exited.
while :; do
    wait "$child"
    status=$?
    kill -0 "$child" || break
done

# The watcher must not signal another process that has since been given the component's process ID. SIGTERM would be lost
# if it came before the subshell has reset the traps that it inherits.
kill -KILL "$watcher"
wait "$watcher"
echo "$status" >&4
exec 4>&-

while read -r _; do :; done <&3
# All guardians of a control plane share DIRECTORY, and each removes it after its own component has exited. When the
# last guardian does so, no component writes to it any more.
rm -rf "$directory" || { sleep 0.2; rm -rf "$directory"; }
