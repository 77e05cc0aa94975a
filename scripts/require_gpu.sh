#!/bin/sh
# Go on only where nvidia-smi shows a GPU.
if ! nvidia-smi -L 2>/dev/null | grep '^GPU'; then
    echo "This needs an NVIDIA GPU, and nvidia-smi shows none. \`make bench\` runs without one." >&2
    exit 1
fi
