# What a contributor runs. Each target works in the active environment: pip install -e ".[dev]"

.PHONY: help fast all lint upstream pages docs release

help:   ## list the targets
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

fast:   ## lint, types and the tests, a fixed selection where there are many of a kind
	$(MAKE) lint
	pytest -q

all:    ## every test: all stock and packaged YAMLs, all damaged files, compilation of every block
	YOLO_FINE_ALL=1 pytest -q

lint:   ## style, types, spelling, and who imports whom
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	codespell

upstream: ## the assumptions about Ultralytics and the tests of the seam, on every supported release
	python scripts/check_upstream.py

pages:  ## the tables of docs/ and README.md that commands make
	python scripts/make_pages.py
	python scripts/readme_tables.py

docs:   ## the docs as a site, in site/; pip install -e ".[docs]"
	python scripts/build_docs.py

release: ## check what a release would publish; pip install -e ".[release]"
	python scripts/check_release.py
