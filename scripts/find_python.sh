#!/bin/sh
# Print the Python to build environments with: $PYTHON, or the newest of 3.13, 3.12, 3.11 on PATH.
for name in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
    if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
        command -v "$name"
        exit 0
    fi
done
echo "Tandem needs Python 3.11, 3.12 or 3.13, and none was found under: ${PYTHON:-python3.13 python3.12 python3.11 python3 python}." >&2
echo "Install one, or name it: make setup PYTHON=/path/to/python3" >&2
exit 1
