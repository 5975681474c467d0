# make nightly: install, run one night on the example site. make test: all checks and tests.
# make quick: the checks, and the tests that start no commands and no servers: below two minutes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DAY := 2026-11-22
EXAMPLE := examples/site
MORNING := examples/morning
MONTH := --start 2026-10-25 --stop 2026-11-21

.PHONY: nightly quick test check coverage docs wheel-checks campaigns morning fuzz fuzz-library screens bench slopes lock audit clean

$(VENV)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@

$(VENV)/installed-fuzz: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	touch $@

nightly: $(VENV)/installed
	$(BIN)/python examples/make_lmt.py $(EXAMPLE)/lmt/lmt_$(DAY).sqlite3 --date $(DAY)
	$(BIN)/tokio-pipeline nightly --site $(EXAMPLE)/site.json --date $(DAY)
	$(BIN)/python examples/make_generated.py $(MORNING)/lmt
	$(BIN)/tokio-pipeline mark-empty --site $(MORNING)/site.json $(MONTH) --instance darshan,node_exporter,collectd \
		--why 'ten minutes of $(DAY) were recorded'
	$(BIN)/tokio-pipeline backfill --site $(MORNING)/site.json $(MONTH) --instance generated
	$(BIN)/tokio-pipeline nightly --site $(MORNING)/site.json --date $(DAY) || test $$? = 3 # ten minutes are not a day
	@echo 'open in a browser: $(CURDIR)/$(MORNING)/archive/index.html'

check: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

quick: check
	$(BIN)/pytest tests -q -n auto --dist loadscope -m "not system and not server" --durations=15 --durations-min=1

# COVER=1: with coverage, which fails below the floor in setup.cfg, and takes a third longer
test: check
	$(BIN)/pytest -q -n auto --dist loadfile $(if $(CI),-rs --durations=40) $(if $(COVER),--cov --cov-report=term)

coverage:
	$(MAKE) test COVER=1

# the site from docs/*.md and the docstrings, in site-docs/
docs: $(VENV)/installed-docs
	$(BIN)/mkdocs build --strict --quiet

# the wheel as people install it; reads the archive of `make nightly`
wheel-checks: nightly
	tools/wheel_checks.sh $(CURDIR)/$(BIN)/python

# the long campaigns, of which CI runs a small share; CONTRIBUTING.md says what each is
campaigns: export TOKIO_SEED := $(or $(TOKIO_SEED),$(shell date +%s))
campaigns: $(VENV)/installed
	@echo TOKIO_SEED=$(TOKIO_SEED)
	TOKIO_KILLS=200 $(BIN)/pytest -q tests/runs/test_kills.py
	TOKIO_KILLS=500 $(BIN)/pytest -q tests/campaigns/test_kills.py
	TOKIO_ERRORS=500 $(BIN)/pytest -q tests/campaigns/test_errors.py
	TOKIO_AFTERNOON=600 TOKIO_AFTERNOON_NAMES=100000 $(BIN)/pytest -q tests/campaigns/test_hostile_afternoon.py
	TOKIO_MUTANTS=20000 $(BIN)/pytest -q tests/processes/test_isolated.py -k hostile_logs
	TOKIO_HOURLY=1 $(BIN)/pytest -q tests/runs/test_pieces.py
	TOKIO_FLIPS=1000 $(BIN)/pytest -q tests/runs/test_flips.py
	TOKIO_FUZZ=2000 $(BIN)/pytest -q tests/sources/test_fuzz.py
	TOKIO_FUZZ_MUTANTS=2000 $(BIN)/pytest -q tests/fuzz
	TOKIO_MONTHS=all $(BIN)/pytest -q tests/campaigns/test_morning.py

# what pages, commands and alerts find of events in generated months: the tables of docs/pages.md
morning: $(VENV)/installed
	$(BIN)/python -m tests.campaigns.morning

# a search for inputs that are faults of a reader, with coverage: some minutes a target, one process
fuzz: $(VENV)/installed-fuzz
	nice $(BIN)/python -m tests.fuzz.run --seconds $${FUZZ_SECONDS:-180} $(FUZZ_TARGETS)

# what libdarshan-util does to its memory (valgrind): some seconds a log, 330 logs
fuzz-library: $(VENV)/installed
	nice $(BIN)/python -m tests.fuzz.library_memory --mutants $${FUZZ_MUTANTS:-300}

# the pictures of pages in docs/images, and how much they weigh: look at each
screens: nightly
	nice $(BIN)/python -m tests.support.screens
	du -ch docs/images/*.png docs/images/screens/*.png | tail -1

# the figures: one benchmark at a time, nothing else running; a table of what was reached at the end.
# BENCH_FIGURES is the file that gets them, BENCH_BEFORE one of an earlier run, shown beside; days
# that take long to make are kept in TOKIO_BENCH
bench: export TOKIO_BENCH := $(or $(TOKIO_BENCH),$(CURDIR)/.bench)
bench: export BENCH_FIGURES := $(abspath $(or $(BENCH_FIGURES),.bench/figures.json))
bench: $(VENV)/installed
	rm -f $(BENCH_FIGURES)
	$(BIN)/pytest benchmarks --benchmark-enable --benchmark-only -q; status=$$?; \
		$(BIN)/python -m benchmarks.figures $(BENCH_FIGURES) $(BENCH_BEFORE) && exit $$status

# what a sample, a log, a job, a day cost, as lines, and how far those are off at four times the size: docs/scale.md
slopes: $(VENV)/installed
	nice $(BIN)/python -m benchmarks.slopes --check $(SLOPES)

$(VENV)-lock/installed:
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet --disable-pip-version-check uv pip-audit
	touch $@

# what the container installs, with hashes: the newest versions that setup.cfg allows
lock: $(VENV)-lock/installed
	$(PYTHON) tools/requirements.py | $(VENV)-lock/bin/uv pip compile - --quiet --upgrade --generate-hashes \
		--python-version 3.11 --python-platform linux --only-binary :all: \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header --output-file container-requirements.txt

# known weaknesses of what the container installs. --strict: a package of which nothing could be learned is a failure
audit: $(VENV)-lock/installed
	$(VENV)-lock/bin/pip-audit --strict --disable-pip --require-hashes --requirement container-requirements.txt || \
		{ echo 'audit: a package above has a known weakness, or the database did not answer: then nothing is known'; exit 1; }

clean:
	rm -rf $(VENV) $(VENV)-lock .venv-pytokio $(EXAMPLE)/archive $(EXAMPLE)/lmt $(MORNING)/archive $(MORNING)/lmt examples/siteday/archive examples/month site-docs .coverage*
