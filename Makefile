# Every target sets up what it needs by itself, and does nothing twice.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
DATASET ?= digits
# `make fuzz` ends after so many histories or seconds: ten minutes, unless one of them is given.
RUNS ?= 4294967295
DURATION ?= $(if $(filter file,$(origin RUNS)),600,4294967295)

# `make fuzz-decoders` gives each decoder so many messages.
MESSAGES ?= 1000000

# `make load` plays 2,000 Gradients, for ten minutes; LOAD="--campaigns 5 --mines 5 --share 2" is over in two.
LOAD ?=

# Tests by what they need. A test of the plugins that needs a chain is marked `chain`. The flow is played once, so
# it has one process to itself.
PLUGINS := tests/sonar_core tests/ape_sonar tests/ape_capsule tests/ape_mine tests/scripts
PURE := tests/test_layers.py tests/syft $(PLUGINS)
CHAIN := tests/contracts tests/attacks
REFERENCE := tests/reference
WHEELS := tests/wheels
FLOW := tests/e2e
EXAMPLES := tests/examples
CHAOS := tests/chaos
FORK := tests/fork
GAS := tests/gas
# Mutants of the contracts: all of them, or open ones only, that nothing has killed yet.
MUTANTS ?= all
PYTEST := $(BIN)/pytest -p no:ape_test -n 2 -q
APE_TEST := $(BIN)/ape test -q
MUTATE := PYTHONPATH=. $(APE_TEST) -p tests.mutation.plugin $(CHAIN) --network ethereum:local:test

.NOTPARALLEL:
.PHONY: help setup demo live chain check lock clean
.PHONY: test test-pure test-wheels test-invariants test-symbolic test-chain test-examples test-chaos test-foundry test-fork test-mutants
.PHONY: dist docs fuzz fuzz-decoders prove mutants attacks chaos gas bench load

help: ## What there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Everything the project needs, in .venv, .solc and node_modules
	@scripts/_toolchain/setup.sh

demo: setup ## A whole market in one process: DATASET=digits|breast_cancer|wine|diabetes|tweets|PATH.csv, ENCODER=, TARGET=
	@$(BIN)/ape run demo --dataset "$(DATASET)" $(if $(ENCODER),--encoder "$(ENCODER)") $(if $(TARGET),--target "$(TARGET)")

live: setup ## The same play with real parts, three of them killed: anvil, IPFS nodes, one process a party
	@$(BIN)/ape run live --dataset "$(DATASET)"

chain: setup ## A local chain that lasts, with Sonar, funded accounts, a token and a store: PORT=number
	@$(BIN)/ape run chain $(if $(PORT),--port "$(PORT)")

test: test-pure test-wheels test-invariants test-symbolic test-chain test-examples test-chaos test-foundry test-fork test-mutants ## Every test there is, part by part

test-pure: setup ## What needs no chain
	$(PYTEST) $(PURE) -m "not chain"
	# The same results without the kernel in C, if the run above had one.
	SYFT_KERNEL=off $(PYTEST) tests/syft
	tests/fuzz/run.sh 5000

test-wheels: setup ## The built wheels in an empty environment, in a project that is not this repository
	$(PYTEST) -n 0 $(WHEELS)

test-invariants: setup ## Random histories against the contracts, the same each time, with counts by action
	@mkdir -p .build
	$(BIN)/forge test | tee .build/invariants.txt
	$(BIN)/python tests/invariants/counts.py .build/invariants.txt

test-symbolic: setup ## What halmos proves of the money, and of who may call what: the quick checks
	tests/symbolic/run.sh

test-chain: setup ## Contracts, plugins and the whole flow on py-evm, in process
	$(BIN)/ape compile
	$(APE_TEST) -n 2 $(CHAIN) --network ethereum:local:test
	$(APE_TEST) -s $(REFERENCE) --network ethereum:local:test
	$(APE_TEST) -n 2 $(PLUGINS) -m chain --network ethereum:local:test
	$(APE_TEST) $(FLOW) --network ethereum:local:test

test-examples: setup ## The tutorials as a newcomer types them, the notebooks, and the example of a market in one process
	$(BIN)/ape compile
	$(BIN)/pytest -p no:ape_test -q $(EXAMPLES)

test-chaos: setup ## Every fault at every point that the code has, then a minute of random ones, the same each time
	$(BIN)/ape compile
	DURATION=60 SEED=1 $(APE_TEST) $(CHAOS) --network ethereum:local:test

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

fuzz: setup ## Random histories with a new seed: RUNS=histories, DURATION=seconds
	@mkdir -p .build
	@seed=0x$$(od -An -N8 -tx8 /dev/urandom | tr -d ' '); echo "seed $$seed"; \
	  FOUNDRY_INVARIANT_RUNS=$(RUNS) FOUNDRY_INVARIANT_TIMEOUT=$(DURATION) \
	  $(BIN)/forge test --fuzz-seed $$seed | tee .build/fuzz.txt
	$(BIN)/python tests/invariants/counts.py .build/fuzz.txt

fuzz-decoders: setup ## Every decoder of strangers' bytes, by atheris with a new seed: MESSAGES=how many for each
	tests/fuzz/run.sh $(MESSAGES) $$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')

attacks: setup ## Every attack of the protocol's list played on Foundry, and the table of what each came to
	$(BIN)/ape compile
	$(APE_TEST) -n 2 tests/attacks --network ethereum:local:foundry

chaos: setup ## Random faults over a whole town, a minute unless told otherwise: DURATION=seconds, SEED=of the first history
	$(BIN)/ape compile
	DURATION=$(if $(filter file,$(origin DURATION)),60,$(DURATION)) SEED=$(SEED) \
	  $(APE_TEST) $(CHAOS)/test_chaos.py --network ethereum:local:test

prove: setup ## All that halmos proves: many minutes
	tests/symbolic/run.sh --all

mutants: setup ## Every mutant of the contracts judged anew, in half an hour; cut short, it goes on where it was: MUTANTS=all|open
	$(BIN)/ape compile
	$(MUTATE) --mutants $(MUTANTS)

gas: setup ## What each transaction costs: the table, and tests/snapshots/gas.json written anew
	$(BIN)/ape compile
	GAS_SNAPSHOT=write $(APE_TEST) $(GAS) --network ethereum:local:foundry

bench: setup ## How fast encrypted training is beside what else there is: the table, and build/bench.json
	@$(BIN)/python -m scripts._bench

load: setup ## One Capsule with many Campaigns and Mines on anvil: LOAD="--campaigns 100 --mines 50 --share 2"
	$(BIN)/ape compile
	@$(BIN)/python -m scripts._load $(LOAD)

# slither fails on any finding that is not answered where it stands. Its `timestamp` detector is off: deadlines are the
# protocol, and last hours, while a block's proposer can move its time by seconds.
check: setup docs ## Linters, types, contract analysis, the documentation site
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/forge fmt --check contracts tests/invariants tests/symbolic
	$(BIN)/slither . --config-file slither.config.json

docs: setup ## The documentation as a site in build/site; a broken link is an error
	NO_MKDOCS_2_WARNING=1 PYTHONWARNINGS=ignore $(BIN)/mkdocs build # --quiet would hide warnings from strict mode

dist: setup ## A release in build/dist: sdists, wheels with and without the kernel, image context, SBOM, checksums
	scripts/_toolchain/dist.sh build/dist

lock: setup ## New locks from requirements.in and package.json
	@scripts/_toolchain/lock.sh

clean: ## Removes what was built, not what was installed
	rm -rf build .build .cache
