# Everything kvbench needs: Go, make and a Go module proxy. Only `race` and
# `peers-cgo` need a C compiler as well.

GO        ?= go
PKG       ?= ./...
SOAK      ?= 10m
FUZZTIME  ?= 30s
BENCH     ?= .
COUNT     ?= 1
CGO_PEERS := rocksdb,lmdb
CGO_PKGS  := ./engine/peer/... ./engine/catalog/...
TOOL      := $(GO) tool -modfile=lint.mod

# Pure Go unless asked otherwise, so that every machine builds the same thing.
# A fair race against Pebble wants cgo (its allocator): make bench CGO_ENABLED=1.
CGO_ENABLED ?= 0
export CGO_ENABLED

.DEFAULT_GOAL := help
.PHONY: help build test check floors lint fmt race soak bench fuzz peers-cgo clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

build: ## build bin/kvbench
	$(GO) build -o bin/kvbench ./cmd/kvbench

test: ## run the tests, a few minutes on 2 cores (PKG=./engine/...)
	$(GO) test -timeout 20m $(PKG)

check: lint floors test ## all that must pass before a commit; CI runs this

floors: ## check the floor plan and the house rules (cmd/tidy)
	$(GO) test -count=1 ./cmd/tidy

lint: ## gofumpt, go vet, staticcheck, and go.mod is tidy
	@bad=$$($(TOOL) gofumpt -l .) || exit 1; test -z "$$bad" || \
	  { printf 'not formatted; run make fmt:\n%s\n' "$$bad"; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	$(TOOL) staticcheck ./...

fmt: ## format all Go files with gofumpt
	$(TOOL) gofumpt -w .

race: ## run the tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -timeout 30m $(PKG)

soak: ## run the same tests with a long budget (SOAK=10m PKG=./...)
	KVBENCH_SOAK=$(SOAK) $(GO) test -count=1 -timeout 0 $(PKG)

bench: ## run the Go benchmarks (BENCH=regexp COUNT=n PKG=./...)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) -timeout 0 $(PKG)

fuzz: ## run every fuzz target in turn (FUZZTIME=30s each)
	@grep -rnoE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' . | \
	while IFS=: read -r file _ decl; do \
	  name=$${decl#func }; \
	  echo "$$(dirname "$$file") $$name"; \
	  $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) \
	    "$$(dirname "$$file")" </dev/null || exit 1; \
	done

peers-cgo: ## install what RocksDB and LMDB need, build and test with them
	bash engine/peer/install-cgo.sh
	CGO_ENABLED=1 $(GO) build -tags $(CGO_PEERS) -o bin/kvbench ./cmd/kvbench
	CGO_ENABLED=1 $(GO) vet -tags $(CGO_PEERS) $(CGO_PKGS)
	CGO_ENABLED=1 $(GO) test -tags $(CGO_PEERS) -timeout 20m $(CGO_PKGS)

clean: ## remove what build left; results stay
	rm -rf bin
