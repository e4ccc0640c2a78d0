# Every target sets up what it needs by itself, and does nothing twice.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
DATASET ?= digits

# Tests by what they need. A test under tests/plugins that needs a chain is marked `chain`. The flow is played once, so
# it has one process to itself.
PURE := tests/syft tests/plugins
CHAIN := tests/contracts tests/attacks
FLOW := tests/e2e
FORK := tests/fork
GAS := tests/gas
# Mutants of the contracts: all of them, or open ones only, that nothing has killed yet.
MUTANTS ?= all
PYTEST := $(BIN)/pytest -p no:ape_test -n 2 -q
APE_TEST := $(BIN)/ape test -q
MUTATE := PYTHONPATH=. $(APE_TEST) -p tests.mutation.plugin $(CHAIN) --network ethereum:local:test

.NOTPARALLEL:
.PHONY: help setup demo live test test-pure test-chain test-foundry test-fork test-mutants mutants gas check lock clean

help: ## What there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Everything the project needs, in .venv, .solc and node_modules
	@scripts/_toolchain/setup.sh

demo: setup ## The whole business in one process: DATASET=digits|breast_cancer|wine|diabetes|PATH.csv
	@$(BIN)/ape run demo --dataset "$(DATASET)"

live: setup ## The same play with real parts: anvil, IPFS nodes, one process a party
	@$(BIN)/ape run live

test: test-pure test-chain test-foundry test-fork test-mutants ## Every test there is, part by part

test-pure: setup ## What needs no chain
	$(PYTEST) $(PURE) -m "not chain"

test-chain: setup ## Contracts, plugins and the whole flow on py-evm, in process
	$(BIN)/ape compile
	$(APE_TEST) -n 2 $(CHAIN) --network ethereum:local:test
	# In one process: Ape's log gets into the output of commands when xdist's workers run them.
	$(APE_TEST) tests/plugins -m chain --network ethereum:local:test
	$(APE_TEST) $(FLOW) --network ethereum:local:test

test-foundry: setup ## Contracts and the whole flow on a Foundry node of its own
	$(BIN)/ape compile
	$(APE_TEST) -n 2 $(CHAIN) --network ethereum:local:foundry
	$(APE_TEST) $(FLOW) --network ethereum:local:foundry
	$(APE_TEST) $(GAS) --network ethereum:local:foundry

test-fork: setup ## On a Foundry fork of a chain that already holds a half-run Campaign
	$(BIN)/ape compile
	$(BIN)/python tests/fork/upstream.py -- $(APE_TEST) $(FORK) --network ethereum:sepolia-fork:foundry

test-mutants: setup ## That every mutant is killed or explained, with a sample of the kills, drawn by the commit, tried again
	$(BIN)/ape compile
	$(MUTATE) --mutants sample --mutants-seed "$$(git rev-parse HEAD)"

mutants: setup ## Every mutant of the contracts judged anew, in an hour; cut short, it goes on where it was: MUTANTS=all|open
	$(BIN)/ape compile
	$(MUTATE) --mutants $(MUTANTS)

gas: setup ## What each transaction costs: the table, and tests/snapshots/gas.json written anew
	$(BIN)/ape compile
	GAS_SNAPSHOT=write $(APE_TEST) $(GAS) --network ethereum:local:foundry

# slither fails on any finding that is not answered where it stands. Its `timestamp` detector is off: deadlines are the
# protocol, and last hours, while a block's proposer can move its time by seconds.
check: setup ## Linters, types, contract analysis
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/forge fmt --check contracts
	$(BIN)/slither . --config-file slither.config.json

lock: setup ## New locks from requirements.in and package.json
	@scripts/_toolchain/lock.sh

clean: ## Removes what was built, not what was installed
	rm -rf build .build .cache
