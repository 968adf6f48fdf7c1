# Everything here works on a fresh Linux machine: `bootstrap` brings what is missing.
NODE := node_modules/.bin/node
CHECKS := lint types arrows check-generated knip unit

.DEFAULT_GOAL := help
.PHONY: help bootstrap packages tools test $(CHECKS) build integration e2e cluster cluster-stop format generate \
  demo demo-cluster mutation bench bench-e2e clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
	@echo '  one stage of test: $(CHECKS) build integration e2e'

bootstrap: ## install what is missing (packages, the cluster's programs)
	@sh scripts/bootstrap.sh

packages:
	@sh scripts/bootstrap.sh packages

tools: ## build kube-apiserver, kubelet and the like into the cache
	@$(NODE) scripts/provide-tools.ts

test: ## all checks and tests; the last line counts them
	@sh scripts/bootstrap.sh || { echo '0 passed, 1 failed, 0 skipped'; exit 1; }
	@$(NODE) scripts/run-checks.ts

$(CHECKS): bootstrap
	@$(NODE) scripts/run-checks.ts $@

# The tests start our processes from dist/.
integration: bootstrap
	@$(NODE) scripts/run-checks.ts build integration

e2e: bootstrap ## test on a real node (Linux, root)
	@$(NODE) scripts/run-checks.ts e2e e2e-alone

cluster: bootstrap ## start a cluster with a real node that stays, to look around in
	@$(NODE) scripts/cluster.ts start

cluster-stop: ## end it
	@$(NODE) scripts/cluster.ts stop

build: packages ## compile to dist/
	@$(NODE) scripts/run-checks.ts build

format: packages ## format, and fix what the linter can fix
	@$(NODE) node_modules/.bin/biome check --write .

generate: bootstrap ## write again what is generated: the types, parts of the chart, what the demo installs
	@$(NODE) scripts/generate-types.ts
	@$(NODE) scripts/sync-chart.ts
	@$(NODE) scripts/generate-chart.ts
	@$(NODE) scripts/render-demo.ts

demo: ## show the whole story on a real API server (KEEP=1 leaves it running)
	@sh scripts/bootstrap.sh demo
	@$(NODE) scripts/run-checks.ts build
	@KEEP='$(KEEP)' $(NODE) dist/demo/main.js

demo-cluster: bootstrap ## the same in real pods on a real node (Linux, root; KEEP=1 leaves it running)
	@KEEP='$(KEEP)' $(NODE) scripts/on-node.ts --name=demo demo/main.ts --cluster

mutation: bootstrap ## take out every guard, rule and policy, one at a time, and fail if no test misses one (Linux, root)
	@$(NODE) scripts/run-checks.ts build
	@$(NODE) test/mutation/main.ts

bench: bootstrap ## measure latencies on a real API server
	@$(NODE) scripts/run-checks.ts build
	@$(NODE) dist/test/bench/main.js

bench-e2e: bootstrap ## measure in real pods, beside squid and mitmproxy (Linux, root)
	@$(NODE) scripts/on-node.ts --name=bench --rivals test/bench/node/main.ts

clean: ## remove what was built here (the tools' cache stays)
	rm -rf dist .make
