#!/bin/sh
# Run one long step: scripts/step.sh TITLE LOG COMMAND...
# Says what goes on, shows a sign of life every 15 seconds, keeps all output in .make/LOG.log, and
# shows the end of it when the command fails.
set -u
title=$1
log=.make/$2.log
shift 2
mkdir -p .make
printf '==> %s\n' "$title" >&2
start=$(date +%s)
# In the background, so that a signal reaches this shell at once.
"$@" >"$log" 2>&1 </dev/null &
child=$!
trap 'kill "$child" 2>/dev/null; wait "$child"; exit 130' INT TERM HUP
shown=0
while kill -0 "$child" 2>/dev/null; do
    sleep 0.2 2>/dev/null || sleep 1
    elapsed=$(($(date +%s) - start))
    if [ $((elapsed / 15)) -gt "$shown" ]; then
        shown=$((elapsed / 15))
        now=$(grep -E '^ *(Collecting|Downloading|Installing|Unpacking|Setting up|Successfully)' "$log" | tail -n 1 | cut -c 1-90)
        printf '    %4d s  %s\n' "$elapsed" "$now" >&2
    fi
done
wait "$child"
status=$?
elapsed=$(($(date +%s) - start))
if [ "$status" -ne 0 ]; then
    tail -n 25 "$log" >&2
    printf '    failed after %d s; all of its output is in %s\n' "$elapsed" "$log" >&2
    exit "$status"
fi
printf '    done in %d s\n' "$elapsed" >&2
