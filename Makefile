# Everything here works on a fresh Linux machine: `bootstrap` brings what is missing.
NODE := node_modules/.bin/node
CHECKS := lint types arrows check-generated knip unit attack

.DEFAULT_GOAL := help
.PHONY: help bootstrap tools test $(CHECKS) build integration format generate demo bench clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
	@echo '  one stage of test: $(CHECKS) build integration'

bootstrap: ## install what is missing (packages, kube-apiserver, etcd, kubectl, helm)
	@sh scripts/bootstrap.sh

tools: ## build kube-apiserver, etcd, kubectl and helm into the cache
	@$(NODE) scripts/provide-tools.ts

test: ## all checks and tests; the last line counts them
	@sh scripts/bootstrap.sh || { echo '0 passed, 1 failed, 0 skipped'; exit 1; }
	@$(NODE) scripts/run-checks.ts

$(CHECKS): bootstrap
	@$(NODE) scripts/run-checks.ts $@

# The tests start our processes from dist/.
integration: bootstrap
	@$(NODE) scripts/run-checks.ts build integration

build: bootstrap ## compile to dist/
	@$(NODE) scripts/run-checks.ts build

format: bootstrap ## format, and fix what the linter can fix
	@$(NODE) node_modules/.bin/biome check --write .

generate: bootstrap ## write the types and the chart's copy of the CRDs again
	@$(NODE) scripts/generate-types.ts
	@$(NODE) scripts/sync-chart.ts

demo: build ## show the whole story on a real API server (KEEP=1 leaves it running)
	@KEEP='$(KEEP)' $(NODE) dist/demo/main.js

bench: build ## measure latencies on a real API server
	@$(NODE) dist/test/bench/main.js

clean: ## remove what was built here (the tools' cache stays)
	rm -rf dist .make
