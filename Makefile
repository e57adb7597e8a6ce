# Everything that is done with Varve from a checkout. `make` alone lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# Jobs of the Swift compiler: it wants about 1 GiB of memory each.
JOBS ?= 2
DATA_DIR ?= var
LISTEN ?= 127.0.0.1:4770
HTTP ?= 127.0.0.1:4771
VENV := .venv
RELEASE := .build/release

.PHONY: help deps build run test demo lint format proto test-grpc bench-grpc test-sglang kill clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install missing Debian packages; make the Python environment in .venv
	@.ci/deps

build: deps ## build varved and varvectl, release
	swift build -c release -j $(JOBS) --product varved
	swift build -c release -j $(JOBS) --product varvectl

run: build ## serve on 127.0.0.1:4770 (HTTP 4771) with the data in ./var
	@mkdir -p -m 700 $(DATA_DIR)
	$(RELEASE)/varved --data-dir $(DATA_DIR) --listen $(LISTEN) --http $(HTTP)

test: deps ## run every test: Swift, Python, the kill loop, SGLang's own classes
	@JOBS=$(JOBS) .ci/test

test-sglang: build ## drive the backend with SGLang's own classes, where its wheel can be had
	@python/tools/test_sglang.sh

test-grpc: build ## drive the daemon with a stock grpcio client generated from Protos
	@python/tools/test_grpc.sh

bench-grpc: build ## measure gRPC beside grpcio's own server: h2load and grpcio, one run
	@python/tools/make_venv.sh base
	$(VENV)/bin/python python/bench_grpc/bench.py

kill: build ## kill varved under load 25 times and check every acknowledged page
	$(VENV)/bin/python Tests/kill/kill_loop.py --rounds 25

demo: build ## replay a real trace through the SGLang backend, with a kill in the middle
	PYTHONPATH=python $(VENV)/bin/python -m sglang_varve.demo

lint: deps ## check form: swift-format, ruff, the rules of Tests/lint
	@.ci/lint

format: deps ## bring the sources into form
	swift format -i -p -r Package.swift $$(.ci/swift-sources)
	$(VENV)/bin/python -m ruff format --config python/pyproject.toml python Tests
	$(VENV)/bin/python -m ruff check --config python/pyproject.toml --fix python Tests

proto: deps ## make Sources/CVarveProto again from Protos
	Protos/generate.sh

clean: ## remove what was built; the data in ./var stays
	rm -rf .build
