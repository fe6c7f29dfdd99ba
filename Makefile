# make test does all the set-up it needs and runs everything; the other
# targets are its parts, and what takes longer.

GO        ?= go
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
CACHE     := $(CURDIR)/.cache
BIN       := $(CACHE)/bin
NPM       := $(CACHE)/npm

# Debian packages that the tests use: real clients, real upstreams, a real
# browser, an emulated ARM processor, a database for exports. Debian's ActiveMQ leaves out what its MQTT
# needs, libmqtt-client-java.
PACKAGES  = mosquitto mosquitto-clients python3-paho-mqtt chromium qemu-user-static gcc libc6-dev nodejs npm \
	rabbitmq-server activemq libmqtt-client-java influxdb prometheus avahi-daemon avahi-utils python3-zeroconf \
	qemu-system-arm qemu-utils device-tree-compiler e2fsprogs groff-base debootstrap shellcheck minisign
# Programs of those packages, to see whether they are here.
PROGRAMS  = mosquitto mosquitto_sub mosquitto_pub chromium qemu-arm-static gcc node npm \
	rabbitmq-server activemq influxd promtool avahi-daemon avahi-browse \
	qemu-system-aarch64 qemu-system-arm qemu-io fdtput mkfs.ext4 groff debootstrap shellcheck minisign
# Services that Debian starts when it installs them. mosquitto's has the port that
# the tutorial test needs, and the name server of Erlang listens to everybody.
SERVICES  = mosquitto rabbitmq-server activemq influxdb prometheus avahi-daemon.socket avahi-daemon epmd.socket epmd.service
# mosca, which is dead, needs the old eventemitter2 and jsonschema beside it.
NPM_PACKAGES = playwright-core@1.65.1 axe-core@4.14.1 mqtt@5.16.0 aedes@1.2.0 mosca@2.8.3 eventemitter2@4.1.2 jsonschema@1.2.6 \
	node-red@4.1.15

# Under make test nothing may skip for want of a program.
export GATEWAY_TEST_ALL = 1
export GATEWAY_NPM      = $(NPM)/node_modules
export GATEWAY_BIN      = $(BIN)
export PATH := $(PATH):/usr/sbin:/sbin

.PHONY: all
all: build

.PHONY: build
build: ## build ./gateway for this machine
	CGO_ENABLED=0 $(GO) build -trimpath -o gateway ./cmd/gateway

.PHONY: test
test: setup lint cross race test32 ## everything, with its set-up
	@echo "all tests passed"

# In make test packages come while the compiler works, and then one suite
# follows the other: beside each other they are not quicker on two cores.
ifneq ($(filter test,$(MAKECMDGOALS)),)
MAKEFLAGS += -j2
race: lint
test32: race
endif
# A C compiler that is only half installed yet must not be tried.
lint cross emulated-kernels: export CGO_ENABLED = 0

.PHONY: setup
setup: $(NPM)/.done ## install what the tests need (Debian packages, npm packages)

.PHONY: packages
packages:
	@missing=; for p in $(PROGRAMS); do command -v $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	/usr/bin/python3 -c 'import paho.mqtt.client' 2>/dev/null || missing="$$missing python3-paho-mqtt"; \
	/usr/bin/python3 -c 'import zeroconf' 2>/dev/null || missing="$$missing python3-zeroconf"; \
	[ -e /usr/share/java/mqtt-client.jar ] || missing="$$missing libmqtt-client-java"; \
	if [ -n "$$missing" ]; then \
		echo "installing Debian packages, missing:$$missing"; \
		SUDO=; [ "$$(id -u)" = 0 ] || SUDO=sudo; \
		have=; for p in $(PACKAGES); do case $$p in nodejs|npm) command -v $${p%js} >/dev/null 2>&1 || have="$$have $$p" ;; *) have="$$have $$p" ;; esac; done; \
		: 'A service that somebody uses stays as it is: only those that were not here are stopped.'; \
		new=; for s in $(SERVICES); do \
			case $$s in epmd.*) p=epmd ;; avahi-daemon.*) p=avahi-daemon ;; influxdb) p=influxd ;; *) p=$$s ;; esac; command -v $$p >/dev/null 2>&1 || new="$$new $$s"; \
		done; \
		$$SUDO apt-get update -q && \
		$$SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-remove --no-install-recommends $$have || exit 1; \
		for s in $$new; do $$SUDO systemctl disable --now $$s 2>/dev/null || $$SUDO service $$s stop >/dev/null 2>&1 || true; done; \
		case "$$new " in *" epmd.service "*) $$SUDO epmd -kill >/dev/null 2>&1 || true ;; esac; \
	fi

$(NPM)/.done: Makefile | packages
	mkdir -p $(NPM)
	cd $(NPM) && [ -f package.json ] || echo '{"private":true}' > $(NPM)/package.json
	cd $(NPM) && npm install --no-package-lock --no-audit --no-fund --ignore-scripts $(NPM_PACKAGES)
	touch $@

.PHONY: lint
lint: ## formatting, vet, staticcheck
	@unformatted=$$(gofmt -l bridge broker cmd sensors deploy); \
	if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(STATICCHECK) ./...

.PHONY: race
race: setup cross emulated-kernels ## all tests with the race detector; without it, clients that race themselves, the broker on a store, a day of 200 sensors, every cut and flipped bit of the history
	@# The longest first, beside which all others run; many wait rather than work,
	@# so three at a time. vet has run: lint.
	CGO_ENABLED=1 $(GO) test -race -count=1 -vet=off -p 3 -timeout 15m ./cmd/gateway ./...
	$(GO) test -count=1 -timeout 10m -run 'TestPahoGo|TestAutopaho' ./cmd/gateway
	@echo "$(GO) test -count=1 -timeout 10m ./cmd/gateway/internal/history/tsdb, beside what follows"; \
	$(GO) test -count=1 -timeout 10m ./cmd/gateway/internal/history/tsdb >$(CACHE)/tsdb.log 2>&1 & history=$$!; \
	$(GO) test -count=1 -timeout 10m ./broker -store disk && \
	$(GO) test -count=1 -timeout 10m -run TestDay ./sensors; status=$$?; \
	wait $$history || status=$$?; cat $(CACHE)/tsdb.log; exit $$status

.PHONY: test32
test32: ## the 32-bit build and its unit tests
	CGO_ENABLED=0 GOARCH=386 $(GO) vet ./...
	CGO_ENABLED=0 GOARCH=386 $(GO) test -short -count=1 -vet=off -p 3 -timeout 10m ./cmd/gateway ./...

.PHONY: cross
cross: ## the binaries for every board, as they ship
	$(GO) run ./deploy/raspberrypi/dist -only bin -out $(CACHE)

.PHONY: dist
dist: ## what people install, to dist/: binaries, Debian packages, archives, image, SBOM, checksums, signed if GATEWAY_SIGNING_KEY names a key
	$(GO) run ./deploy/raspberrypi/dist -out dist
	[ -z "$$GATEWAY_SIGNING_KEY" ] || $(GO) run ./cmd/gateway upgrade --sign "$$GATEWAY_SIGNING_KEY" dist/SHA256SUMS

.PHONY: deb-test
deb-test: packages ## install, upgrade, remove and purge the packages of all architectures (race does amd64)
	$(GO) test -count=1 -timeout 30m -v ./deploy/raspberrypi/dist -all

.PHONY: emulated-kernels
emulated-kernels: packages ## Debian's kernels for emulated boards (100 MB, once for all clones)
	$(GO) run ./deploy/raspberrypi/emulated/fetch

.PHONY: emulated-short
emulated-short: setup cross emulated-kernels ## the gateway as it ships on one emulated board, with one power cut (race runs it, too)
	$(GO) test -count=1 -timeout 10m ./deploy/raspberrypi/emulated/...

.PHONY: emulated
emulated: setup cross emulated-kernels ## on emulated boards for armhf and arm64, with 20 power cuts, to deploy/raspberrypi/EMULATED.md
	$(GO) test -count=1 -timeout 60m -v ./deploy/raspberrypi/emulated -every -out $(CURDIR)/deploy/raspberrypi/EMULATED.md

FUZZTIME ?= 5m
.PHONY: bench
bench: packages ## our broker beside Mosquitto, to broker/BENCH.md (15 minutes, an otherwise idle machine)
	$(GO) run ./broker/bench -out broker/BENCH.md

.PHONY: bench-bridge
bench-bridge: packages ## our bridge beside Mosquitto's, to bridge/BENCH.md (5 minutes, an otherwise idle machine)
	$(GO) run ./bridge/bench -out bridge/BENCH.md

.PHONY: bench-sensors
bench-sensors: packages ## what reading 200 sensors costs, to sensors/BENCH.md (5 minutes, needs Debian's qemu-user)
	$(GO) run ./sensors/bench -out sensors/BENCH.md

# Debian has no Telegraf, so that it is built, with what the guide needs of it only.
TELEGRAF = github.com/influxdata/telegraf@v1.37.2
.PHONY: ecosystem
ecosystem: setup ## Prometheus, Grafana's questions, Node-RED and Telegraf against the gateway (2 minutes)
	mkdir -p $(CACHE)/telegraf
	from=$$($(GO) mod download -json $(TELEGRAF) | sed -n 's/.*"Dir": "\(.*\)".*/\1/p') && \
	cp $$from/go.mod $$from/go.sum $(CACHE)/telegraf/ && chmod u+w $(CACHE)/telegraf/* && cd $$from && \
	CGO_ENABLED=0 $(GO) build -modfile=$(CACHE)/telegraf/go.mod -o $(BIN)/telegraf \
		-tags custom,inputs.mqtt_consumer,outputs.file,parsers.json,parsers.value,serializers.influx ./cmd/telegraf
	GATEWAY_TELEGRAF=$(BIN)/telegraf $(GO) test -count=1 -v -run 'TestTelegraf|TestNodeRED|TestGrafana|TestPrometheus' ./cmd/gateway

ROUNDS ?= 50
.PHONY: soak
soak: packages ## kill our broker and Mosquitto under load, ROUNDS times (default 50) each way, to broker/BENCH.md (7 minutes); break the bridge's line as often (15 minutes)
	$(GO) run ./broker/soak -broker both -rounds $(ROUNDS) -tear -out broker/BENCH.md
	$(GO) run ./bridge/chaos -rounds $(ROUNDS)
	$(GO) run ./bridge/chaos -rounds $(ROUNDS) -protocol 5 -tls

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (default 5m) each
	@for pkg in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg | grep ^Fuzz); do \
			echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg || exit 1; \
		done; \
	done

.PHONY: pictures
pictures: setup ## take the pictures of the page in the README and its guide again
	GATEWAY_SCREENSHOTS=$(CURDIR)/cmd/gateway/internal/dashboard/pictures $(GO) test -count=1 -run TestPageEvery ./cmd/gateway

.PHONY: clean
clean:
	rm -rf $(CACHE) gateway

.PHONY: help
help:
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16
