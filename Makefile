# Every target sets up what it needs by itself, and does nothing twice.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
DATASET ?= digits
PURE := $(BIN)/pytest -p no:ape_test -q -n 2
APE_TEST := $(BIN)/ape test -q -n 2
UPSTREAM := $(BIN)/python tests/fork/upstream.py --

.PHONY: help setup demo live test test-pure test-chain test-foundry test-fork check lock clean

help: ## What there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

setup: ## Everything the project needs, in .venv and node_modules
	@scripts/_toolchain/setup.sh

demo: setup ## The whole business in one process: DATASET=digits|breast_cancer|wine|diabetes|PATH.csv
	@$(BIN)/ape run demo --dataset "$(DATASET)"

live: setup ## The same play with real parts: anvil, IPFS nodes, one process a party
	@$(BIN)/ape run live

test: test-pure test-chain test-foundry test-fork ## Every test there is

test-pure: setup ## What needs no chain
	$(PURE) tests/syft tests/plugins -m "not chain"

test-chain: setup ## Contracts, plugins and the whole flow on py-evm, in process
	$(BIN)/ape compile
	$(APE_TEST) tests/contracts tests/attacks tests/plugins tests/e2e -m "chain or not chain" --network ethereum:local:test

test-foundry: setup ## Contracts and the whole flow on a Foundry node
	$(APE_TEST) tests/contracts tests/e2e --network ethereum:local:foundry

test-fork: setup ## Against a Foundry fork of a network that already holds a half-run Campaign
	$(UPSTREAM) $(BIN)/ape test -q tests/fork --network ethereum:sepolia-fork:foundry

check: setup ## Linters, types, contract analysis
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/forge fmt --check contracts
	$(BIN)/slither . --config-file slither.config.json

lock: ## New locks from requirements.in and package.json
	@scripts/_toolchain/lock.sh

clean: ## Removes what was built, not what was installed
	rm -rf build .build .cache
