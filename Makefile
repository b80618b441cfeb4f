# Everything there is to do, here and in CI alike. `make help` says what.
PRESET ?= release
BUILD := build$(if $(filter-out release,$(PRESET)),-$(PRESET))
PYTHON := build/venv/bin/python
TEST_PYTHON := build/test-venv/bin/python

.PHONY: help demo build test unit e2e sdk sdk-pythons security faults clouds lives images container-test sanitize fuzz docs docs-cli docs-test lint fmt check services services-stop bench soak vm lock install clean

help:  ## what there is
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

install:  ## Debian packages and the locked Python environment, when they are missing
	@tools/install.sh packages venv

build: install  ## the programs, in build/
	@tools/build.sh $(PRESET)

demo: build  ## a first calculation, end to end, with what each stage cost
	@tools/demo.sh

unit: build  ## the tests beside the code
	@tools/services.sh start
	@tools/services.sh start slurm
	@tools/build.sh $(PRESET) all
	@ctest --preset $(PRESET) --no-tests=error -j 2

e2e: build  ## the tests through the public door
	@tools/install.sh test-packages slurm test-venv
	@PYTHONPATH=runtime/python:build/venv/lib/python3.11/site-packages \
	    $(TEST_PYTHON) -m pytest -q runtime/python/tests
	@$(TEST_PYTHON) -m pytest -q tests/e2e

sdk: build  ## the Python SDK: through a real server, and as it is installed
	@tools/install.sh sdk-venv
	@cd sdk/python && ../../build/sdk-venv/bin/python -m pytest -q

sdk-pythons: build  ## the SDK's tests on the oldest Python it is for and on the newest, which are fetched
	@tools/sdk_pythons.sh

docs: build  ## the documents as a site, build/site, which `mecapy serve` shows at /docs/; a link that leads nowhere fails
	@tools/install.sh docs-venv
	@NO_MKDOCS_2_WARNING=1 build/docs-venv/bin/mkdocs build

docs-cli: build  ## writes what the program says of its commands into docs/cli.md: after a change of a command, a code or a variable
	@$(TEST_PYTHON) tools/docs_reference.py --fill docs/cli.md

docs-test: build  ## every snippet of README and docs/, and the site
	@tools/install.sh test-packages services caddy slurm test-venv sdk-venv docs-venv
	@$(TEST_PYTHON) -m pytest -q tests/docs

security: build  ## attacks through the public door, in both profiles, and what is left after each
	@tools/install.sh test-venv
	@$(TEST_PYTHON) -m pytest -q tests/security

faults: FAULT_ROUNDS ?= 1
faults: build  ## two servers and their services under load, each fault FAULT_ROUNDS (1) times
	@tools/install.sh test-venv fault-packages
	@MECAPY_FAULT_ROUNDS=$(FAULT_ROUNDS) $(TEST_PYTHON) -m pytest -q tests/faults

clouds: build  ## the simulated clouds, and 40 lives of machines in them
	@tools/install.sh test-venv
	@$(TEST_PYTHON) -m pytest -q tests/clouds

lives: LIVES ?= 200
lives: build  ## LIVES (200) runs on machines of simulated clouds that fail, under a server that is killed at each step
	@tools/install.sh test-venv
	@MECAPY_LIVES=$(LIVES) $(TEST_PYTHON) -m pytest -q -s tests/clouds/test_lives.py

test:  ## every test; services it starts end with it
	@tools/services.sh during $(MAKE) --no-print-directory unit e2e sdk docs-test security faults clouds

services: build  ## PostgreSQL, Redis, S3 and Keycloak on loopback, from packages; prints what to set
	@tools/services.sh start

services-stop:  ## ends them
	@tools/services.sh stop

sanitize:  ## the unit tests under address, undefined-behaviour and thread sanitizers
	@tools/install.sh packages venv services
	@for preset in asan tsan; do tools/build.sh $$preset all || exit 1; done
	@tools/services.sh during sh -c 'tools/services.sh start postgres redis s3 slurm && for preset in asan tsan; \
	    do ctest --preset $$preset --no-tests=error -j 2 -LE sandbox || exit 1; done'

fuzz: SECONDS ?= 60
fuzz: install  ## the parsers of strangers' bytes, fuzzed for SECONDS (60) in all
	@tools/build.sh $(PRESET) fuzz
	@tools/fuzz.sh $(SECONDS)

lint:  ## layers, formats, clang-tidy, ruff, mypy
	@tools/install.sh packages venv test-venv sdk-venv
	@tools/lint.sh

fmt:  ## put the code into its format
	@git ls-files '*.cc' '*.h' | xargs clang-format -i
	@tools/install.sh test-venv
	@build/test-venv/bin/ruff format -q .

check: lint test  ## what CI does

bench: build  ## the figures, also in build/bench.json
	@tools/install.sh test-venv bench-venv bench-packages services
	@tools/build.sh $(PRESET) mecapy mecapy-zygote sandbox_bench
	@PYTHONPATH=tests $(TEST_PYTHON) bench/bench.py --binary build/mecapy --output build/bench.json

soak: SOAK_SECONDS ?= 600
soak: FAULT_ROUNDS ?= 3
soak: build  ## hostile and honest runs mixed for SOAK_SECONDS (600): does anything leak or slow down? Then FAULT_ROUNDS (3) of every fault
	@tools/install.sh test-venv fault-packages
	@$(TEST_PYTHON) bench/soak.py --binary build/mecapy --seconds $(SOAK_SECONDS)
	@MECAPY_FAULT_ROUNDS=$(FAULT_ROUNDS) $(TEST_PYTHON) -m pytest -q tests/faults

images:  ## the images of the worker and the API, compiled from source, without an engine; docs/containers.md
	@tools/images.sh worker
	@tools/images.sh api

container-test: build  ## the worker's image in real containers without capabilities, its size and its cold start; what documents do with Docker
	@tools/container_test.sh

vm: build  ## the sandbox under Debian's own kernel and systemd, in qemu (docs/isolation-hosts.md)
	@tools/install.sh test-venv vm
	@ninja -C build sandbox_test
	@tools/vm.sh

lock:  ## renew the locks of the Python environments
	@tools/install.sh lock

clean:  ## remove what was built
	@rm -rf build build-asan build-tsan
