#!/bin/sh
# Make .venv-engine: vLLM's CUDA build where nvidia-smi shows a GPU, its CPU build elsewhere.
# ENGINE=cpu or ENGINE=cuda overrules the look at the machine, as when an image is built.
set -eu
export PIP_DISABLE_PIP_VERSION_CHECK=1
build=${ENGINE:-}
if [ -z "$build" ]; then
    if nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then build=cuda; else build=cpu; fi
fi
requirements=requirements/engine-$build.txt
if [ ! -f "$requirements" ]; then
    echo "ENGINE=$build is neither cpu nor cuda." >&2
    exit 2
fi
sh scripts/make_venv.sh .venv-engine
want=$(cksum <"$requirements")
if [ "$(cat ".venv-engine/.stamp-$build" 2>/dev/null)" = "$want" ]; then
    exit 0
fi
rm -f .venv-engine/.stamp-*
python=.venv-engine/bin/python
step="sh scripts/step.sh"

# The CPU build is linked against libnuma, which no Python package brings.
if [ "$build" = cpu ] && ! "$python" -c 'import ctypes; ctypes.CDLL("libnuma.so.1")' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        $step "Install libnuma1, which vLLM needs (seconds)" apt-numa \
            sh -c 'apt-get update && apt-get install -y --no-install-recommends libnuma1'
    else
        echo "vLLM's CPU build needs the library libnuma.so.1: install Debian's libnuma1 or Fedora's numactl-libs." >&2
        exit 1
    fi
fi

$step "Install vLLM's $build build and its torch (3 to 10 minutes, some GB)" "pip-engine-$build" \
    "$python" -m pip install --progress-bar off -r "$requirements"

# torchvision may arrive built for another torch. It then breaks `import transformers`; text needs none of these.
if ! "$python" -c 'import torchvision' 2>/dev/null; then
    $step "Remove a torchvision that does not load (seconds)" pip-torchvision \
        "$python" -m pip uninstall -y torchvision torchaudio torchcodec
fi

$step "Prove that vLLM loads (half a minute)" vllm-import \
    "$python" -c 'import vllm.entrypoints.openai.api_server, vllm; print(vllm.__version__)'
printf '%s' "$want" >".venv-engine/.stamp-$build"
