# The habits of this repository; `make` alone lists them. Needs Python 3.11 to 3.13, git and make.
# What a habit does stands in scripts/; a step that has been done costs nothing the second time.
.DEFAULT_GOAL := help
.SUFFIXES:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
.PHONY: help setup dev run test check docs format bench bench-gpu release-check clean

help:  ## list the habits
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' Makefile | while IFS='|' read -r name what; do \
		printf '%-18s %s\n' "$$name" "$$what"; done

setup:  ## create .venv and .venv-engine; ENGINE=cpu or ENGINE=cuda overrules nvidia-smi
	@sh scripts/setup_app.sh app
	@sh scripts/setup_engine.sh

dev:
	@sh scripts/setup_app.sh dev

run: setup  ## set up and serve; ARGS="--port 9000" goes to `tandem up`
	@exec .venv/bin/tandem up $(ARGS)

test:  ## set up, check, and run all tests, the end-to-end tests last
	@sh scripts/setup_both.sh
	@sh scripts/setup_browser.sh
	@sh scripts/setup_postgres.sh
	@sh scripts/setup_tesseract.sh
	@$(MAKE) check
	@sh scripts/test.sh $(ARGS)

check: dev  ## format, lint, types, import directions, licences, docs, secrets, shell, YAML, Dockerfile, k8s
	@sh scripts/setup_checks.sh
	@sh scripts/check.sh

docs: dev  ## write the generated parts of docs/ anew
	@.venv/bin/python scripts/generate_docs.py --write

format: dev  ## format the code and mend what the linter can mend
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

bench: dev setup  ## run every benchmark of bench/; ARGS="retrieval" runs one
	@sh scripts/bench.sh $(ARGS)

bench-gpu: dev  ## training and serving with adapters on a GPU; ARGS=--dry-run shows how, on any machine
	@sh scripts/bench_gpu.sh $(ARGS)

release-check: dev  ## whether this tree can be released: clean, described, built, working from its wheel
	@sh scripts/release_check.sh

clean:  ## remove the environments and caches; data/ is yours and stays
	@rm -rf .venv .venv-engine .venv-checks .make build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
