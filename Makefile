# For fingers that type make: `make test ARGS="-x"` is `python3 dev.py test -x`.
PYTHON ?= python3

.PHONY: run client test lint fix bench record bundle setup lock
run client test lint fix bench record bundle setup lock:
	@$(PYTHON) dev.py $@ $(ARGS)
