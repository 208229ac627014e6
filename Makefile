# make image: the main job on a fresh machine; make test: every check of the project.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: image test test-engines clean

image: $(VENV)/.installed
	@rm -rf build/image && mkdir -p build
	$(BIN)/wasmimg build examples/add-header/plugin.wasm -e embedded -o oci:build/image
	$(BIN)/wasmimg verify oci:build/image

test: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests
	@if [ -d integration ] && [ -n "$$WASMIMG_INTEGRATION" ]; then $(BIN)/python -m pytest integration; \
	else echo "integration/ was left out: WASMIMG_INTEGRATION=1 make test runs it, as root, with docker, buildah, podman, docker-registry, skopeo and htpasswd"; fi

# The engines of newer Debians, each release in a folder of its own: as root, and it takes its time.
test-engines: $(VENV)/.tested
	$(BIN)/python integration/engines/matrix

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.10 or newer is missing: install the package python3." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "$(PYTHON) is too old: Python 3.10 or newer is needed; name it with make PYTHON=python3.12." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing: install the package python3-venv." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.tested: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,integration]'
	@touch $@ $(VENV)/.installed

clean:
	rm -rf build $(VENV)
