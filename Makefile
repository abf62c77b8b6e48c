# make test   install what is needed, check the sources, run all tests
# make demo   see anyscd work with a card and a token, without owning either
# make clean  delete all that these made here; installed packages stay
.PHONY: test check demo deps packages clean

test: check
	.venv/bin/pytest

check: deps
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

demo: deps
	@.venv/bin/python -X utf8 -m contrib.demo

deps: packages .venv/.stamp .bed/.stamp .bed/tokens/.stamp

packages:
	@contrib/bootstrap packages

.venv/.stamp: contrib/bootstrap contrib/requirements-build.txt contrib/requirements.txt pyproject.toml | packages
	@contrib/bootstrap python

.bed/.stamp: contrib/bootstrap | packages
	@contrib/bootstrap gnupg

.bed/tokens/.stamp: contrib/bootstrap | packages
	@contrib/bootstrap tokens

clean:
	rm -rf .venv .bed .mypy_cache .pytest_cache .ruff_cache .hypothesis
