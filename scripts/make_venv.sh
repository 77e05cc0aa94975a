#!/bin/sh
# Create the virtual environment in FOLDER, unless it stands, works, and was made at this place.
# An environment holds absolute paths, so one that was moved is made anew.
set -eu
folder=$1
if [ "$(cat "$folder/.place" 2>/dev/null)" = "$PWD" ] && "$folder/bin/python" -c '' 2>/dev/null; then
    exit 0
fi
python=$(sh scripts/find_python.sh)
sh scripts/step.sh "Create $folder with $("$python" --version) (seconds)" "venv$folder" "$python" -m venv --clear "$folder"
printf '%s' "$PWD" >"$folder/.place"
