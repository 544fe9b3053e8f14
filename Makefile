# Everything a developer runs. `make` alone prints the list.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Outside the work tree, so that a fresh clone finds what an earlier one built.
CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sequencestore-operator/target
export CARGO_TARGET_DIR

# Cargo goes by times alone: what it built in another work tree counts as built from an older file of this one.
ifneq ($(CURDIR),$(shell cat $(CARGO_TARGET_DIR)/work-tree 2>/dev/null))
$(shell git ls-files -z 2>/dev/null | xargs -0 touch -c 2>/dev/null)
$(shell mkdir -p $(CARGO_TARGET_DIR) && echo $(CURDIR) >$(CARGO_TARGET_DIR)/work-tree)
endif

CARGO ?= cargo
CONTAINER_TOOL ?= docker
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
IMAGE ?= sequencestore-operator:$(VERSION)

DEBUG := $(CARGO_TARGET_DIR)/debug
# What the image runs: the static program.
STATIC := $(shell uname -m)-unknown-linux-musl
BUILD_STATIC = CC_$(subst -,_,$(STATIC))=musl-gcc $(CARGO) build --release --locked --target $(STATIC)
# The platform of image-local: that of PLATFORM, or this machine's.
IMAGE_PLATFORM := $(or $(patsubst linux/%,%,$(PLATFORM)),$(patsubst x86_64,amd64,$(patsubst aarch64,arm64,$(shell uname -m))))
COMMIT_TIME := $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
CHART := charts/sequencestore-operator
CRDS := sequencestores accountbindings
MANIFESTS ?= dist

##@ See it work

.PHONY: demo
demo: need-demo build ## The whole life of a store on a local control plane; ends by itself
	$(CARGO) run --quiet --locked --package demo -- demo

.PHONY: sandbox
sandbox: need-demo build ## The same parts left running for you; Ctrl-C ends them
	$(CARGO) run --quiet --locked --package demo -- sandbox

##@ Develop

.PHONY: build
build: need-build ## Build every crate
	$(CARGO) build --workspace --locked $(TARGETS)

.PHONY: fmt
fmt: need-lint ## Format the Rust code
	$(CARGO) fmt --all

.PHONY: lint
lint: need-lint ## Check format, clippy and the links in doc comments; warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --features fuzz/targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --locked --package sequencestore-operator --no-deps --document-private-items

.PHONY: deny
deny: need-build ## Check licences and sources of all crates, and known vulnerabilities where their database can be had
	tests/deny.sh

.PHONY: crds
crds: need-build ## Write the CRDs from the Rust types, to crds/ and to the chart
	$(CARGO) build --quiet --locked --package sequencestore-operator
	mkdir -p crds $(CHART)/files/crds
	for crd in $(CRDS); do \
		$(DEBUG)/sequencestore-operator crd $$crd > crds/.new && mv crds/.new crds/$$crd.yaml \
		&& cp crds/$$crd.yaml $(CHART)/files/crds/$$crd.yaml || exit 1; \
	done

.PHONY: docs
docs: need-demo build control-plane ## Write the references that are made from code, docs/bad-input.md and the reasons in README.md
	SEQSTORE_WRITE_DOCS=1 $(CARGO) test --quiet --locked --package sequencestore-operator --test references
	SEQSTORE_WRITE_DOCS=1 $(CARGO) test --quiet --locked --package sequencestore-operator --test e2e -- bad_input

.PHONY: docs-check
docs-check: need-python ## Spelling, snippets and the site of the documentation; no network once the tools are there
	tests/docs/run.sh check

.PHONY: docs-site
docs-site: need-python ## Write the site of the documentation to site/
	tests/docs/run.sh site

.PHONY: chart
chart: need-test control-plane ## Write what is made from the chart's values: the table in its README, and files/defaults.yaml
	SEQSTORE_WRITE_DOCS=1 $(CARGO) test --quiet --locked --package sequencestore-operator --test chart -- readme

##@ Test

# While the tests compile, which one core does for long stretches, the other one runs the tests in Python. The end-to-end tests keep
# both cores busy; many others wait most of the time. Cargo must not take make's job slots for its own. With a test among the targets,
# cargo builds the programs with the features of the tests, and not a second time for those.
.PHONY: test
test: need-test ## Everything: lint, licences, simulator against the AWS model, then all Rust tests
	$(MAKE) lint
	$(MAKE) --jobs=3 --output-sync=target test-programs conformance docs-check release-lint deny \
		CARGO="env -u MAKEFLAGS -u MFLAGS $(CARGO)" TARGETS="--bins --test references"
	$(MAKE) --jobs=2 --output-sync=target run-e2e run-others

# All of the workspace in each, so that cargo takes the same features of the libraries and compiles nothing again.
.PHONY: test-programs run-e2e run-others
test-programs: build control-plane
	$(CARGO) test --workspace --locked --no-run
run-e2e:
	$(CARGO) test --workspace --locked --test e2e
# Every test but e2e.
run-others:
	$(CARGO) test --workspace --locked --lib --bins --test '[!e]*' --test 'e[!2]*'
	$(CARGO) test --workspace --locked --doc

.PHONY: unit
unit: need-build ## The tests inside the crates; no control plane, seconds
	$(CARGO) test --workspace --lib --bins --locked

.PHONY: e2e
e2e: need-demo build control-plane ## The tests in tests/ of the operator, on a real kube-apiserver
	$(CARGO) test --package sequencestore-operator --test '*' --locked

.PHONY: faults
faults: need-demo build control-plane ## Kill the operator at every request that changes something; FAULTS="--flow create" filters, FAULTS=--binding acts with a role
	$(CARGO) run --quiet --locked --package faults -- $(FAULTS)

# A run on stable, of the kept inputs and of some made from them, is part of `make test`.
.PHONY: fuzz
fuzz: need-fuzz ## Look for inputs that break the operator, a minute for each harness; FUZZ="policies -max_total_time=600" for one
	tests/fuzz/run.sh $(FUZZ)

# Two builds, so that no feature that only the bench needs gets into the operator under measurement.
.PHONY: bench
bench: need-bench control-plane ## Measure operator and peer side by side, up to 25 minutes; BENCH="--quick" for a few
	$(BUILD_STATIC) --package sequencestore-operator
	$(BUILD_STATIC) --package bench --package healthomics-simulator
	$(CARGO_TARGET_DIR)/$(STATIC)/release/bench $(BENCH)

.PHONY: conformance
conformance: need-conformance build control-plane ## The simulator against botocore, boto3 and the AWS CLI
	HEALTHOMICS_SIMULATOR=$(DEBUG)/healthomics-simulator tests/conformance/run.sh

.PHONY: aws-conformance
aws-conformance: need-conformance ## Ask a real AWS account what the simulator assumes; says the price and asks first
	$(CARGO) build --quiet --locked --package healthomics-simulator --package control-plane --package sequencestore-operator
	@HEALTHOMICS_SIMULATOR=$(DEBUG)/healthomics-simulator tests/aws-conformance/run.sh $(AWS_CONFORMANCE)

# Compiles kube-apiserver, etcd, kubectl and Helm once; later runs find them in the cache.
.PHONY: control-plane
control-plane: need-demo
	$(CARGO) run --quiet --locked --package control-plane -- binaries

##@ Release

.PHONY: image
image: ## Build the container image (IMAGE=repository:tag, CONTAINER_TOOL=docker, PLATFORM=linux/arm64)
	@tests/prerequisites.sh container:$(CONTAINER_TOOL)
	DOCKER_BUILDKIT=1 SOURCE_DATE_EPOCH=$(COMMIT_TIME) $(CONTAINER_TOOL) build $(if $(PLATFORM),--platform $(PLATFORM)) \
		--build-arg VERSION=$(VERSION) \
		--build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) \
		--build-arg CREATED=$$(TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd) \
		--build-arg SOURCE=$$(git config remote.origin.url || echo unknown) \
		--build-arg SOURCE_DATE_EPOCH=$(COMMIT_TIME) \
		--tag $(IMAGE) .

.PHONY: image-local
image-local: need-image ## The same image without a container engine or base image, as an OCI archive (PLATFORM=linux/arm64)
	packaging/image-local.sh $$(packaging/static.sh $(IMAGE_PLATFORM)) $(IMAGE_PLATFORM) $(CARGO_TARGET_DIR)/image-$(IMAGE_PLATFORM).tar
	@echo "It is in $(CARGO_TARGET_DIR)/image-$(IMAGE_PLATFORM).tar; skopeo copies it to a registry."

.PHONY: release-check
release-check: need-image control-plane ## Build, run and compare all that a release publishes; an hour on two cores
	packaging/release-check.sh

.PHONY: release-lint
release-lint: need-release-lint control-plane ## Check Dockerfile, workflows and release scripts; seconds
	tests/image/run.sh lint

.PHONY: manifests
manifests: need-demo control-plane ## Write install.yaml, crds.yaml and kustomization.yaml to MANIFESTS=dist, with VALUES="--set ..."
	PATH="$$($(CARGO) run --quiet --locked --package control-plane -- binaries):$$PATH" packaging/manifests.sh $(CHART) $(MANIFESTS) $(VALUES)

##@ Help

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# What each target needs on the machine; all that is missing is named at once.
.PHONY: need-build need-lint need-demo need-bench need-fuzz need-conformance need-python need-test need-image need-release-lint
need-build:
	@tests/prerequisites.sh rust cc
need-lint:
	@tests/prerequisites.sh rust rustfmt clippy cc
need-demo:
	@tests/prerequisites.sh rust cc go
need-bench:
	@tests/prerequisites.sh rust cc go musl
need-fuzz:
	@tests/prerequisites.sh rust cc fuzz
need-conformance:
	@tests/prerequisites.sh rust cc go python
need-python:
	@tests/prerequisites.sh python
need-release-lint:
	@tests/prerequisites.sh rust cc go python
need-image:
	@tests/prerequisites.sh rust cc go python image
need-test:
	@tests/prerequisites.sh rust rustfmt clippy cc go python
