# The commands a person remembers. Meson does the work; each build directory has one purpose:
#   build/release  what is installed and run         build/asan  gcc, AddressSanitizer and UBSan
#   build/clang    the second compiler, clang-tidy   build/fuzz  clang with libFuzzer
#
# BUILD moves all of them; CUTS, MINUTES, ROUNDS, SECONDS, SEEDS, DESTDIR and PREFIX belong to single targets.

BUILD ?= build
PREFIX ?= /opt/erlmcp
DESTDIR ?=
CUTS ?= 20
SECONDS ?= 30
SEEDS ?= 200
ROUNDS ?= 3
MINUTES ?= 10
JOBS ?= $(shell nproc)

# Make exports nothing by itself; the scripts need these.
export BUILD JOBS

.PHONY: help deps build run test check drill sim sim-report model mutants soak soak-files bench fuzz install image-root image engine package \
	format clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install what is missing (Debian 12 and 13, root or sudo; no network when nothing is)
	@tools/deps.sh

build: ## build build/release
	@tools/build.sh release

run: deps build ## three nodes and a guided network partition
	@scripts/run-demo "$(BUILD)/release"

check: ## build with sanitizers and run what needs neither network nor root (under 3 minutes)
	@tools/check.sh check

test: deps ## everything: check, clang, real Erlang, network namespaces, containers, fuzz corpus
	@tools/container-deps.sh
	@tools/check.sh test

drill: build ## CUTS=20 network cuts under load: prints a table, writes build/drill.json
	@python3 test/lab/drill.py --build "$(BUILD)/release" --cuts "$(CUTS)" --json "$(BUILD)/drill.json" \
		--history "$(BUILD)/drill.jsonl"

soak: build ## MINUTES=10 of 5 % loss and 20 ms jitter under load: nobody may be fenced
	@python3 test/lab/soak.py --build "$(BUILD)/release" --minutes "$(MINUTES)"

soak-files: build ## kill a node at many hundred system calls: minutes
	@LAB_BUILD="$(BUILD)/release" python3 test/lab/test_files.py --thorough

bench: ## ROUNDS=3 beside etcd and Redis, then alone as it grows: build/bench (30 minutes, root)
	@tools/bench.sh --rounds "$(ROUNDS)"
	@tools/bench.sh nodes
	@tools/bench.sh sessions

sim: build ## SEEDS=200 whole clusters in virtual time: prints a table of what was done to them
	@"$(BUILD)/release/sim/sim" --seeds "$(SEEDS)" --jobs "$(JOBS)" --table

sim-report: build ## SEEDS=10000 worlds on all cores: writes the table of doc/testing.md (SEEDS has to be given)
	@tools/sim-report.sh "$(SEEDS)"

model: ## check doc/model exhaustively, and that each dropped rule is noticed (2 minutes)
	@tools/model.sh "$(BUILD)/model"

mutants: ## plant bugs in a copy, one by one: each must be caught (table in doc/testing.md)
	@python3 tools/mutants.py run --build "$(BUILD)/mutants" --jobs "$(JOBS)" --document doc/testing.md

fuzz: ## SECONDS=30 of libFuzzer for each decoder
	@tools/fuzz.sh "$(SECONDS)"

install: build ## install below DESTDIR and PREFIX=/opt/erlmcp
	@tools/install.sh "$(BUILD)/release" "$(DESTDIR)" "$(PREFIX)"

image-root: build ## assemble the root file system of the container image: build/image/root.tar
	@tools/deps.sh tools/packages-image.txt
	@python3 tools/image.py "$(BUILD)/release" "$(BUILD)/image/root.tar"

image: image-root ## build the container image erlmcp:latest with the engine that answers to docker
	@tools/image.sh "$(BUILD)/image"

engine: image-root ## a shell with docker and docker compose, from a podman of its own where none answers
	@tools/container-deps.sh
	@python3 test/containers/engine.py sh -c 'tools/image.sh "$(BUILD)/image" && exec "$${SHELL:-sh}"'

package: build ## a Debian package in build/package
	@tools/package.sh "$(BUILD)/release" "$(BUILD)/package"

format: ## lay out all C files and scripts
	@tools/format.sh --write

clean: ## remove what was built
	rm -rf "$(BUILD)/release" "$(BUILD)/asan" "$(BUILD)/clang" "$(BUILD)/fuzz" "$(BUILD)/bench" "$(BUILD)/model" \
		"$(BUILD)/image" \
		"$(BUILD)/package" "$(BUILD)/mutants" "$(BUILD)/drill.json" \
		"$(BUILD)/drill.jsonl"
