# Every target sets up what it needs; a second run re-installs nothing.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.installed

.PHONY: setup demo test lint bench clean

setup: $(READY)

$(READY): requirements.txt requirements-dev.txt
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

# The whole path on faces that the project renders itself: data/demo, checkpoint/demo, output.
demo: setup
	$(PY) preparation.py --demo --data_root data/demo/faces --out_root data/demo
	$(PY) train.py --recipe demo --dataroot data/demo/AFLW_train_data --val_dataroot data/demo/AFLW_validation_data \
		--snapshot checkpoint/demo/snapshot --best_model checkpoint/demo/best_model \
		--log_file checkpoint/demo/train.logs --summary checkpoint/demo/summary.csv
	$(PY) test.py --model_path checkpoint/demo/best_model/best.pth.tar --test_dataroot data/demo/faces/aflw_test \
		--annotations data/demo/faces/aflw_test_annotations.pkl

test: setup lint
	$(PY) -m pytest

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

bench: setup
	$(PY) bench.py

clean:
	rm -rf data/demo checkpoint/demo output/solution.txt output/solution.zip output/preview.png
