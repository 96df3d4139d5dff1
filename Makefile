# Nezuban. `make run` starts the watch on this machine, `make test` runs the
# tests; both fetch what they need with the Go tool, below .tools and bin.

SHELL    := /bin/bash
.SHELLFLAGS := -o pipefail -c
GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 10s
RACE     ?= ./...
BENCH    ?= .
CRASHES  ?= 1000
SEED     ?=
SIM_SEEDS ?= 100000
SIM_FIRST ?= 1
DIST     ?= dist
GUEST    ?=
RECORDINGS ?= -

DAEMONS  := agent checks router oncall
TOOL     := $(GO) tool -modfile=packaging/tools.mod
BUILD    := CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X nezuban/agent/daemon.version=$(VERSION)"
# Debian's versions begin with a digit and sort by age; a commit's name does neither, so that its time goes before it.
WHEN       = $(shell git log -1 --format=%cd --date=format:%Y%m%d%H%M%S 2>/dev/null || echo 0)
DEBVERSION = $(shell sed -E 's/^v//; s/^([^0-9]|[0-9a-f]{7,}(-dirty)?$$)/0~$(WHEN).&/; s/-/+/g' <<<'$(VERSION)')
LEFT_OUT := $(CURDIR)/.tools/left-out

.PHONY: build run demo-incident test race e2e crash crash-agent guest sim fuzz bench bench-router cover lint fmt vuln packages ci clean

build: ## the four programs, static, into bin/
	@mkdir -p bin
	@for d in $(DAEMONS); do $(BUILD) -o bin/nezuban-$$d ./$$d || exit 1; done

run: build ## starts everything on this machine until Ctrl-C
	@$(BUILD) -o bin/ ./packaging/watch ./packaging/testload
	@exec bin/watch

demo-incident: ## makes something really fail; `make run` must be running
	@$(GO) run ./packaging/demo

test: build .tools/bin/influxd ## every test that this machine allows, then what was left out
	@rm -f $(LEFT_OUT); code=0; \
	NEZUBAN_LEFT_OUT=$(LEFT_OUT) $(GO) test -count=1 -timeout=15m ./... || code=$$?; \
	if [ -s $(LEFT_OUT) ]; then \
		echo; echo "left out, and the command that brings it:"; sort -u $(LEFT_OUT) | sed 's/^/  /'; \
	fi; \
	exit $$code

race: .tools/bin/influxd ## the same under the race detector
	$(GO) test -race -count=1 -timeout=15m $(RACE)

e2e: build .tools/bin/influxd ## the built programs, from a sample to a page
	$(GO) test -count=1 -timeout=10m -v ./packaging/

crash: ## kills the built router CRASHES times under load and looks whether anything was lost; SEED repeats a run
	NEZUBAN_CRASHES=$(CRASHES) NEZUBAN_CRASH_SEED=$(SEED) $(GO) test -count=1 -timeout=2h -v -run='^TestNothingAcceptedIsLost' ./packaging/

crash-agent: ## kills the agent, a Docker engine and InfluxDB CRASHES times at random and compares what arrives with what happened; SEED repeats a run
	NEZUBAN_AGENT_CRASHES=$(CRASHES) NEZUBAN_AGENT_CRASH_SEED=$(SEED) $(GO) test -count=1 -timeout=12h -v -run='^TestWhatTheAgentTellsIsWhatHappened$$' ./packaging/

guest: ## runs the agent on another machine, with cgroup v2: GUEST is a command that reaches one, see packaging/guest/README.md
	@packaging/guest/run.sh $(RECORDINGS) $(GUEST)

sim: ## runs the router's core through SIM_SEEDS made-up nights, from seed SIM_FIRST on; a seed that breaks a promise is printed with the command that repeats it
	$(GO) test -count=1 -timeout=0 -v -run='^TestSimulation$$' ./router/internal/duty/sim -sim.first=$(SIM_FIRST) -sim.seeds=$(SIM_SEEDS) $(if $(SIM_ALL),-sim.all)

fuzz: ## each fuzz target for FUZZTIME
	@grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' agent checks oncall router packaging dashboards | \
	while IFS=: read -r file func; do \
		echo "$$file $${func#func }"; \
		$(GO) test -run='^$$' -fuzz="^$${func#func }\$$" -fuzztime=$(FUZZTIME) "./$$(dirname $$file)" </dev/null || exit 1; \
	done

bench: ## prints benchmarks; compare two outputs with `go tool -modfile=packaging/tools.mod benchstat A B`
	@$(GO) test -run='^$$' -bench='$(BENCH)' -benchmem ./... | grep -v 'no test files'

bench-router: .tools/bin/alertmanager ## the router beside an Alertmanager; BENCHROUTER='-wait 6m' awaits all of its defaults, '-pprof FOLDER' writes profiles
	@echo '{"Replace":{"$(CURDIR)/router/profile_overlay.go":"$(CURDIR)/packaging/benchrouter/profile/profile.go.txt"}}' >.tools/profile.json
	@$(BUILD) -o .tools/bin/nezuban-router-measured $(if $(findstring -pprof,$(BENCHROUTER)),-overlay .tools/profile.json) ./router
	@$(BUILD) -o .tools/bin/ ./packaging/benchrouter
	@.tools/bin/benchrouter -router .tools/bin/nezuban-router-measured -alertmanager .tools/bin/alertmanager $(BENCHROUTER)

cover: .tools/bin/influxd ## test coverage per function into .tools/cover.txt, the total on the terminal
	$(GO) test -count=1 -timeout=15m -coverprofile=.tools/cover.out ./...
	@$(GO) tool cover -func=.tools/cover.out >.tools/cover.txt; tail -1 .tools/cover.txt

lint: ## linters and format; building the linter takes minutes the first time
	$(TOOL) golangci-lint run --allow-serial-runners ./...

fmt:
	$(TOOL) golangci-lint fmt ./...

vuln: ## needs the vulnerability database; not part of ci
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.1.4 ./...

packages: ## $(DIST)/nezuban-agent_VERSION_ARCH.deb
	@mkdir -p $(DIST)
	@$(BUILD) -o $(DIST)/nezuban-agent ./agent
	@VERSION='$(DEBVERSION)' ARCH=$$($(GO) env GOARCH) DIST='$(DIST)' \
		$(TOOL) nfpm package --config packaging/deb/nfpm.yaml --packager deb --target $(DIST)/

ci:
	.ci/run

clean: ## removes what was built, test images included; not .state (of `make run`) nor .tools (fetched once)
	rm -rf bin dist .tools/cover.out .tools/cover.txt $(LEFT_OUT)
	@docker image ls --quiet nezuban-testload 2>/dev/null | xargs -r docker image rm --force >/dev/null 2>&1 || true

.tools/bin/influxd:
	@mkdir -p .tools/bin
	@echo "building influxd v1.8.10 (once)"
	@cd / && GOBIN=$(CURDIR)/.tools/bin GOFLAGS= $(GO) install github.com/influxdata/influxdb/cmd/influxd@v1.8.10

# Its module lacks the built pages of its web interface, which nothing here asks for.
.tools/bin/alertmanager:
	@mkdir -p .tools/bin
	@echo "building Alertmanager v0.34.2 (once)"
	@dir=$$(cd / && $(GO) mod download -json github.com/prometheus/alertmanager@v0.34.2 | sed -n 's/.*"Dir": "\(.*\)",*/\1/p') && \
	copy=$$(mktemp -d) && trap 'rm -rf $$copy' EXIT && cp -r "$$dir/." $$copy && chmod -R u+w $$copy && \
	mkdir -p $$copy/ui/app/dist && echo '<html></html>' >$$copy/ui/app/dist/index.html && \
	cd $$copy && GOFLAGS= CGO_ENABLED=0 $(GO) build -trimpath -o $(CURDIR)/.tools/bin/alertmanager ./cmd/alertmanager
