# One file, an image for each part: docker build --target server -t tandem-server:0.1.0 .
#   server      API and page, with an engine at an address
#   ingest      `tandem worker`, and Ray for bulk ingestion
#   train       LoRA training
#   eval        comparisons and judged evaluation
#   engine-cpu  vLLM's CPU build; on GPUs vLLM's own image, vllm/vllm-openai, takes its place
#   standalone  server and engine in one container, for one machine; built where no target is named
# Each environment is made by the scripts that make it on a laptop, at the place where it will stand. To pin the base:
# --build-arg PYTHON=python:3.11-slim-bookworm@sha256:... (docs/deployment.md says how to find the digest).
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS source
ENV PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv/tandem
COPY . .

# PyPI's torch brings CUDA, some gigabytes that only training wants; --build-arg TORCH= takes it here, too.
FROM source AS app
ARG TORCH=https://download.pytorch.org/whl/cpu
ENV PIP_EXTRA_INDEX_URL=${TORCH}
RUN EXTRAS=postgres,redis,s3,otlp sh scripts/setup_app.sh app

FROM app AS app-ingest
RUN EXTRAS=postgres,redis,s3,otlp,ray sh scripts/setup_app.sh app

FROM source AS app-train
RUN EXTRAS=postgres,s3,finetune sh scripts/setup_app.sh app

FROM app AS app-eval
RUN EXTRAS=postgres,s3,eval,finetune sh scripts/setup_app.sh app

# As they go into the images: without pip, and with what each is made of, as CycloneDX; by an environment of its own,
# so that it lists nothing of itself.
FROM ${PYTHON} AS biller
RUN python -m venv /bill && /bill/bin/pip install --no-cache-dir cyclonedx-bom==7.5.0
COPY scripts/finish_image.sh /bill/finish_image.sh

FROM biller AS done
COPY --from=app /srv/tandem /srv/tandem
RUN sh /bill/finish_image.sh /srv/tandem/.venv /srv/tandem/sbom.json

FROM biller AS done-ingest
COPY --from=app-ingest /srv/tandem /srv/tandem
RUN sh /bill/finish_image.sh /srv/tandem/.venv /srv/tandem/sbom.json

FROM biller AS done-train
COPY --from=app-train /srv/tandem /srv/tandem
RUN sh /bill/finish_image.sh /srv/tandem/.venv /srv/tandem/sbom.json

FROM biller AS done-eval
COPY --from=app-eval /srv/tandem /srv/tandem
RUN sh /bill/finish_image.sh /srv/tandem/.venv /srv/tandem/sbom.json

# As above, for the CPU build; the CUDA build brings the torch that it is built for.
FROM ${PYTHON} AS engine
ARG ENGINE=cpu
ARG TORCH=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1 ENGINE=${ENGINE}
WORKDIR /srv/tandem
COPY requirements requirements
COPY scripts scripts
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libnuma1 && rm -rf /var/lib/apt/lists/*
RUN if [ "$ENGINE" = cpu ]; then export PIP_EXTRA_INDEX_URL="$TORCH"; fi; sh scripts/setup_engine.sh

FROM biller AS done-engine
COPY --from=engine /srv/tandem/.venv-engine /srv/tandem/.venv-engine
RUN sh /bill/finish_image.sh /srv/tandem/.venv-engine /srv/tandem/sbom-engine.json

# Where everything ends: no compiler, no pip, nobody's password.
FROM ${PYTHON} AS runtime
LABEL org.opencontainers.image.title="Tandem" \
      org.opencontainers.image.description="Answers over your own documents, cited and measured" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.source="https://github.com/tandem-rag/tandem"
RUN pip uninstall --yes --quiet pip setuptools wheel \
    && useradd --uid 10001 --no-create-home --home-dir /data tandem \
    && install -d -o tandem -g tandem /data
WORKDIR /srv/tandem
# Listening on all addresses is meant: a container is reached through the port that its owner publishes.
# What a server and `docker exec` or `kubectl exec` in its container tell each other stays out of the shared volume; what
# is fetched from a hub, an embedder or a reranker, goes into it, lest each start fetches it anew.
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp PATH=/srv/tandem/.venv/bin:$PATH \
    HF_HOME=/data/hub TANDEM_RUN_DIR=/tmp/tandem TANDEM_DATA_DIR=/data TANDEM_SERVER__HOST=0.0.0.0 TANDEM_SERVER__ALLOW_REMOTE=true
USER 10001
VOLUME /data
ENTRYPOINT [".venv/bin/tandem"]

FROM runtime AS server
COPY --from=done /srv/tandem /srv/tandem
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --retries=4 \
    CMD [".venv/bin/python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["up"]

FROM runtime AS ingest
USER 0
# KubeRay starts `ray` by its name, perhaps from a login shell, which forgets PATH.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends tesseract-ocr-eng && rm -rf /var/lib/apt/lists/* \
    && ln -s /srv/tandem/.venv/bin/ray /usr/local/bin/ray
USER 10001
COPY --from=done-ingest /srv/tandem /srv/tandem
EXPOSE 8002
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --retries=4 \
    CMD [".venv/bin/python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8002/healthz', timeout=4)"]
CMD ["worker", "--host", "0.0.0.0"]

FROM runtime AS train
COPY --from=done-train /srv/tandem /srv/tandem
HEALTHCHECK NONE
CMD ["finetune", "--help"]

FROM runtime AS eval
COPY --from=done-eval /srv/tandem /srv/tandem
HEALTHCHECK NONE
CMD ["eval", "--help"]

FROM runtime AS engine-cpu
USER 0
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libnuma1 && rm -rf /var/lib/apt/lists/*
USER 10001
COPY --from=done-engine /srv/tandem /srv/tandem
COPY --from=done /srv/tandem /srv/tandem
# Its volume is read only.
ENV HF_HOME=/tmp/hub
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=300s --retries=4 \
    CMD [".venv/bin/python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
CMD ["engine", "--host", "0.0.0.0", "--port", "8000"]

FROM server AS standalone
USER 0
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libnuma1 tesseract-ocr-eng \
    && rm -rf /var/lib/apt/lists/*
USER 10001
COPY --from=done-engine /srv/tandem /srv/tandem
