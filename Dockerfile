# Tandem and its vLLM in one image. `--build-arg ENGINE=cuda` for machines with an NVIDIA GPU.
# The environments are made by the same scripts as on a laptop, at the place where they will stand.
FROM python:3.11-slim AS build
ARG ENGINE=cpu
ENV PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1 ENGINE=${ENGINE}
WORKDIR /srv/tandem
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libnuma1 && rm -rf /var/lib/apt/lists/*
# vLLM is the largest part and changes least.
COPY requirements requirements
COPY scripts scripts
RUN sh scripts/setup_engine.sh
COPY . .
RUN EXTRAS=postgres,s3 sh scripts/setup_app.sh app

FROM python:3.11-slim
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libnuma1 tesseract-ocr-eng \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --home-dir /data tandem \
    && install -d -o tandem -g tandem /data
COPY --from=build /srv/tandem /srv/tandem
WORKDIR /srv/tandem
# Listening on all addresses is meant: a container is reached through the port that its owner publishes.
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/data \
    TANDEM_DATA_DIR=/data TANDEM_SERVER__HOST=0.0.0.0 TANDEM_SERVER__ALLOW_REMOTE=true
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --retries=4 \
    CMD [".venv/bin/python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT [".venv/bin/tandem"]
CMD ["up"]
