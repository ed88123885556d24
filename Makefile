# libtcpshim. `make help` lists what there is.
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

O ?= build
CC ?= cc
# The cc of make's own default is taken as gcc where it exists.
ifeq ($(origin CC),default)
CC := $(firstword $(shell command -v gcc cc clang 2>/dev/null) cc)
endif
VERSION := 1.0
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),@:,@printf '  %-6s %s\n' $(1) $(2))

OPTIMISE := $(if $(filter 1,$(DEBUG)),-O0 -g3,-O2 -g)
SANITISE := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
# -Wno-psabi: gcc 11 changed how it aligns atomic fields on i386, where nothing older is linked.
WARNINGS := -Wno-psabi -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wconversion -Wvla \
	-Wframe-larger-than=4096
BASE_CFLAGS := -std=gnu17 -D_GNU_SOURCE -Iinclude -Ishim $(OPTIMISE) $(WARNINGS) -MMD -MP
# Small frames, no fortify (clang refuses our own read under it), unwindable for cancellation, and the
# program's errno, names and signals left alone: see the comments at the top of the headers.
LIB_CFLAGS := $(BASE_CFLAGS) $(SANITISE) -fPIC -fvisibility=hidden -ftls-model=initial-exec -fexceptions \
	-fno-stack-protector -U_FORTIFY_SOURCE $(CFLAGS)
LIB_LDFLAGS := -shared -Wl,-soname,libtcpshim.so -Wl,-z,relro,-z,now,-z,nodelete,-z,initfirst -Wl,-Bsymbolic-functions $(if $(SAN),,-Wl,-z,defs) \
	-Wl,--version-script=$(O)/exports.map $(SANITISE) $(LDFLAGS)
TEST_CFLAGS := $(BASE_CFLAGS) $(CFLAGS)

# arm64: no helpers of libgcc that look for the processor's abilities in a constructor of their own.
ifneq ($(filter aarch64-%,$(shell $(CC) -dumpmachine)),)
LIB_CFLAGS += -mno-outline-atomics
endif

# The rooms of the library, and of the command, each in the order in which they include each other: a later one includes earlier ones.
LIB_ROOMS := format sys conn settings guest sink trace interpose
CLI_ROOMS := format settings reader diagnose picture cli
LIB_SOURCES := $(sort $(wildcard $(LIB_ROOMS:%=shim/%/*.c)))
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(O)/%.o)
PROGRAMS := $(patsubst tests/traced/%.c,$(O)/%,$(wildcard tests/traced/*.c))
HOSTILE := $(patsubst tests/hostile/%.c,$(O)/tests/hostile/%,$(wildcard tests/hostile/*.c))
UNIT := $(patsubst tests/unit/%.c,$(O)/tests/unit/%,$(wildcard tests/unit/test_*.c))
BENCH := $(patsubst tests/bench/%.c,$(O)/tests/bench/%,$(wildcard tests/bench/*.c))
SOAK := $(patsubst tests/soak/%.c,$(O)/tests/soak/%,$(wildcard tests/soak/*.c))

.PHONY: all library
all: $(O)/libtcpshim.so $(O)/tcpshim ## build the library and the command
library: $(O)/libtcpshim.so ## build the library alone, which needs no other library (CC=aarch64-linux-gnu-gcc O=build/arm64)

# 32 if a long of the compiler's target has 32 bits.
BITS = $(if $(filter 4,$(shell echo __SIZEOF_LONG__ | $(CC) -E -P -x c - 2>/dev/null)),32,64)

$(O)/exports.map: include/tcpshim/calls.def scripts/exports-map scripts/symbols
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)scripts/exports-map $< $(BITS) > $@

$(O)/libtcpshim.so: $(LIB_OBJECTS) $(O)/exports.map
	$(call say,LINK,$@)
	$(Q)$(CC) $(LIB_LDFLAGS) -o $@ $(LIB_OBJECTS)

# The command: what it shares with the library is the contract, the formatters and the settings.
CLI_SOURCES := $(sort $(wildcard $(CLI_ROOMS:%=shim/%/*.c)))
CLI_OBJECTS := $(CLI_SOURCES:%.c=$(O)/cli/%.o)
CLI_CFLAGS := $(filter-out -Wframe-larger-than=4096,$(BASE_CFLAGS)) $(SANITISE) $(CFLAGS) -DTCPSHIM_LIBDIR='"$(LIBDIR)"' -DTCPSHIM_VERSION='"$(VERSION)"'
CLI_LIBS := -ldw -lelf -lmnl -ldl

# The page of `tcpshim report --html` without its data, as an array.
PAGE := $(wildcard shim/picture/page/*)
$(O)/cli/page_frame.c: $(PAGE) scripts/page-frame
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)scripts/page-frame shim/picture/page > $@

$(O)/cli/page_frame.o: $(O)/cli/page_frame.c
	$(call say,CC,$<)
	$(Q)$(CC) $(CLI_CFLAGS) -c -o $@ $<

$(O)/tcpshim: $(CLI_OBJECTS) $(O)/cli/page_frame.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(SANITISE) $(LDFLAGS) -o $@ $(CLI_OBJECTS) $(O)/cli/page_frame.o $(CLI_LIBS)

# Where the command looks for the library when it is installed.
.PHONY: always
$(O)/cli/libdir: always
	@mkdir -p $(@D)
	@echo '$(LIBDIR) $(VERSION)' | cmp -s - $@ || echo '$(LIBDIR) $(VERSION)' > $@
$(O)/cli/shim/cli/run.o: $(O)/cli/libdir

$(O)/cli/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CLI_CFLAGS) -c -o $@ $<

$(O)/shim/%.o: shim/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(LIB_CFLAGS) -c -o $@ $<

$(PROGRAMS): $(O)/%: tests/traced/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(TEST_CFLAGS) -pthread -o $@ $<

# Bound at load: the resolver of a call that is bound lazily saves the vector registers, 2.7 KB with AVX-512, on the small
# stacks of some.
$(HOSTILE): $(O)/tests/hostile/%: tests/hostile/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(filter-out -Wframe-larger-than=4096,$(TEST_CFLAGS)) -O1 -pthread -Wl,-z,now -o $@ $< $(HOSTILE_LIBS)

$(O)/tests/hostile/filter: HOSTILE_LIBS := -lseccomp

$(BENCH) $(SOAK): $(O)/tests/%: tests/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(TEST_CFLAGS) -pthread -o $@ $<

# Unit tests: the pure parts of the command (diagnose, picture), and the library's own sources but for the wrappers, which would collide with a sanitizer's, and the constructor, under ASan and
# UBSan; what threads share, under TSan as well.
UNIT_SOURCES := $(filter-out shim/trace/start.c shim/sys/string.c shim/interpose/%,$(LIB_SOURCES)) $(wildcard shim/diagnose/*.c shim/picture/*.c) shim/reader/complain.c shim/reader/printable.c
UNIT_OBJECTS := $(UNIT_SOURCES:%.c=$(O)/asan/%.o)
TSAN_OBJECTS := $(UNIT_SOURCES:%.c=$(O)/tsan/%.o)
TSAN_UNIT := $(patsubst %,$(O)/tests/tsan/%,test_fdtable test_conn test_cookie_map test_descriptor)
UNIT_CFLAGS := $(filter-out -Wframe-larger-than=4096,$(TEST_CFLAGS)) -Itests/unit
ASAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
TSAN_FLAGS := -fsanitize=thread -Wno-tsan -Wno-unknown-warning-option

$(O)/asan/%.o: %.c
	@mkdir -p $(@D)
	$(call say,ASAN,$<)
	$(Q)$(CC) $(UNIT_CFLAGS) $(ASAN_FLAGS) -c -o $@ $<

$(O)/tsan/%.o: %.c
	@mkdir -p $(@D)
	$(call say,TSAN,$<)
	$(Q)$(CC) $(UNIT_CFLAGS) $(TSAN_FLAGS) -c -o $@ $<

# The histories of test_notes are in a file for each section.
NOTES_OBJECTS := $(patsubst %.c,$(O)/asan/%.o,$(wildcard tests/unit/notes_*.c))
$(O)/tests/unit/test_notes: $(NOTES_OBJECTS) tests/unit/notes_rows.h

$(UNIT): $(O)/tests/unit/%: tests/unit/%.c $(UNIT_OBJECTS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(UNIT_CFLAGS) $(ASAN_FLAGS) -pthread -o $@ $(filter %.c %.o,$^) -lcmocka -ldl

$(TSAN_UNIT): $(O)/tests/tsan/%: tests/unit/%.c $(TSAN_OBJECTS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(UNIT_CFLAGS) $(TSAN_FLAGS) -pthread -o $@ $< $(TSAN_OBJECTS) -lcmocka -ldl

# A fuzz target is the command's own sources with another end, by clang; $(O)/tests/fuzz/work is what it found.
FUZZ_CC ?= clang
FUZZ_FLAGS := -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all
FUZZ_CFLAGS := $(filter-out -Wframe-larger-than=4096,$(BASE_CFLAGS)) $(FUZZ_FLAGS) $(CFLAGS) -DTCPSHIM_LIBDIR='"$(LIBDIR)"' -DTCPSHIM_VERSION='"$(VERSION)"'
FUZZ := $(patsubst tests/fuzz/%.c,$(O)/tests/fuzz/%,$(wildcard tests/fuzz/*.c))
FUZZ_OBJECTS := $(patsubst %.c,$(O)/fuzz/%.o,$(filter-out shim/reader/complain.c shim/cli/%,$(CLI_SOURCES)) $(addprefix shim/cli/,diagnose.c explanation.c filter_options.c open_rows.c options.c pictures.c places.c recordings.c rehearsed.c render.c row_list.c tables.c vanished.c variables.c))

$(O)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(call say,FUZZ,$<)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,address,undefined -c -o $@ $<

$(FUZZ): $(O)/tests/fuzz/%: tests/fuzz/%.c $(FUZZ_OBJECTS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer,address,undefined -o $@ $< $(FUZZ_OBJECTS) $(CLI_LIBS)

TAP := $(O)/tap
export TCPSHIM_LIB := $(abspath $(O))/libtcpshim.so
export BUILD := $(abspath $(O))

# What is missing on a new machine is installed first; costs nothing when it is there.
.PHONY: setup-test setup-demo setup-build setup-package
setup-build setup-demo setup-test setup-package: setup-%:
	$(Q)scripts/setup --check $* || scripts/setup $*

.PHONY: demo
demo: SCENARIO ?= 4
demo: setup-demo ## trace a real nc through a scenario of TCP Puzzlers (SCENARIO=1..4, default 4)
	$(Q)$(MAKE) --no-print-directory all $(O)/dnc
	$(Q)scripts/demo $(SCENARIO)

.PHONY: tests
tests: all $(PROGRAMS) $(HOSTILE) $(UNIT) $(TSAN_UNIT) $(FUZZ) $(BENCH)

.PHONY: check
check: setup-test ## build and run all tests
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)rm -rf $(TAP)
	$(Q)$(MAKE) --no-print-directory -k run-unit run-tsan run-e2e run-record run-package run-fuzz run-interop run-hostile run-puzzlers run-stories run-rehearse run-diagnose run-browser run-meta || true
	$(Q)scripts/tally $(TAP)/*.tap

.PHONY: check-unit check-san check-e2e
check-unit: setup-test ## the unit tests alone, under ASan and UBSan
	$(Q)$(MAKE) --no-print-directory $(UNIT)
	$(Q)rm -rf $(TAP)
	$(Q)$(MAKE) --no-print-directory run-unit || true
	$(Q)scripts/tally $(TAP)/*.tap

check-san: setup-test ## the unit tests under ASan, UBSan and TSan
	$(Q)$(MAKE) --no-print-directory $(UNIT) $(TSAN_UNIT)
	$(Q)rm -rf $(TAP)
	$(Q)$(MAKE) --no-print-directory -k run-unit run-tsan || true
	$(Q)scripts/tally $(TAP)/*.tap

check-e2e: setup-test ## the tests with real programs: end to end, call for call, hostile, the four scenarios
	$(Q)$(MAKE) --no-print-directory all $(PROGRAMS) $(HOSTILE) $(O)/tests/unit/test_json $(FUZZ) $(BENCH)
	$(Q)rm -rf $(TAP)
	$(Q)$(MAKE) --no-print-directory -k run-e2e run-record run-package run-interop run-hostile run-puzzlers run-stories run-rehearse run-diagnose run-browser || true
	$(Q)scripts/tally $(TAP)/*.tap

# Each leaves a TAP file for scripts/tally; a program that dies leaves an incomplete one, which counts as failed.
.PHONY: run-unit run-tsan run-e2e run-record run-package run-fuzz run-interop run-hostile run-puzzlers run-stories run-rehearse run-diagnose run-browser run-meta
run-unit:
	@mkdir -p $(TAP)
	@for t in $(UNIT); do echo "unit: $${t##*/}"; \
		CMOCKA_MESSAGE_OUTPUT=TAP timeout 120 $$t > $(TAP)/unit-$${t##*/}.tap 2>&1; \
		echo "# exit status $$?" >> $(TAP)/unit-$${t##*/}.tap; done

run-tsan:
	@mkdir -p $(TAP)
	@for t in $(TSAN_UNIT); do echo "tsan: $${t##*/}"; \
		CMOCKA_MESSAGE_OUTPUT=TAP timeout 300 setarch -R $$t > $(TAP)/tsan-$${t##*/}.tap 2>&1; \
		echo "# exit status $$?" >> $(TAP)/tsan-$${t##*/}.tap; done

run-e2e run-record run-package run-fuzz run-interop run-hostile run-puzzlers run-stories run-rehearse run-diagnose run-browser run-meta: run-%:
	@mkdir -p $(TAP)
	@for t in tests/$*/*.bats; do echo "$$t"; \
		timeout 1500 bats --formatter tap $$t > $(TAP)/$*-$$(basename $$t).tap 2>&1; \
		echo "# exit status $$?" >> $(TAP)/$*-$$(basename $$t).tap; \
		sed -n 's/^# | //p' $(TAP)/$*-$$(basename $$t).tap; done

# clang-tidy takes one file a process: its version 14 mistakes every va_list after the first file for uninitialised.
# The command has one thread, and what it prints to is checked at the end; arrays of pointers are what they seem, and what is copied has been measured.
CLI_TIDY := -clang-analyzer-security.insecureAPI.strcpy,-concurrency-mt-unsafe,-cert-err33-c,-bugprone-sizeof-expression,-clang-analyzer-optin.performance.Padding
LINT_FLAGS := -std=gnu17 -D_GNU_SOURCE -Iinclude -Ishim -U_FORTIFY_SOURCE -fexceptions
.PHONY: lint
lint: setup-test ## shellcheck, clang-format, clang-tidy, cppcheck and the checks of the project's own rules
	$(Q)$(MAKE) --no-print-directory all
	$(call say,LINT,shellcheck)
	$(Q)shellcheck $$(grep -rlIE '^#!.*[ /](ba)?sh( |$$)' scripts tests .ci) scripts/*.bash tests/*.bash tests/*/*.bash tests/*/*.bats
	$(call say,LINT,clang-format)
	$(Q)clang-format --dry-run -Werror $$(find include shim tests -name '*.[ch]')
	$(call say,LINT,clang-tidy)
	$(Q)printf '%s\n' $(LIB_SOURCES) | xargs -P 2 -n 1 sh -c 'clang-tidy --quiet "$$0" -- $(LINT_FLAGS) 2>/dev/null'
	$(Q)printf '%s\n' $(filter shim/reader/% shim/diagnose/% shim/picture/% shim/cli/%,$(CLI_SOURCES)) | xargs -P 2 -n 1 sh -c 'clang-tidy --quiet --checks=$(CLI_TIDY) "$$0" -- $(LINT_FLAGS) 2>/dev/null'
	$(call say,LINT,cppcheck)
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,style,performance,portability \
		--suppressions-list=scripts/cppcheck-suppressions -D_GNU_SOURCE -D__x86_64__ -Iinclude -Ishim shim tests
	$(call say,LINT,own rules)
	$(Q)scripts/check-layers
	$(Q)scripts/check-exports $(O)/libtcpshim.so
	$(Q)scripts/check-imports $(O)/shim
	$(Q)scripts/check-readme $(O)

.PHONY: bench
bench: all $(BENCH) ## what the library costs a call, beside the bare program and strace
	$(Q)scripts/bench $(O)

.PHONY: soak
soak: MINUTES ?= 5
soak: setup-test ## real servers under load and all kinds of trouble, for so long (MINUTES=5)
	$(Q)$(MAKE) --no-print-directory all $(SOAK)
	$(Q)scripts/soak $(MINUTES)

# The programs that the tests run, without the tests of the sources: scripts/matrix builds them in another release.
.PHONY: programs matrix
programs: $(PROGRAMS) $(HOSTILE) $(BENCH)

matrix: RELEASES ?= bullseye bookworm trixie sid musl
matrix: all ## the tests with the libcs of other releases of Debian (RELEASES='trixie arm64', SUITES='hostile e2e')
	$(Q)SUITES='$(SUITES)' scripts/matrix $(RELEASES)

# What it finds stands in $(O)/tests/fuzz/work and is where the next run goes on; a finding is a file of its own there.
.PHONY: fuzz
fuzz: MINUTES ?= 5
fuzz: setup-test ## any bytes as a recording, shown by the report under ASan and UBSan, for so long (MINUTES=5)
	$(Q)$(MAKE) --no-print-directory $(FUZZ)
	@mkdir -p $(O)/tests/fuzz/work
	$(Q)cd $(O)/tests/fuzz/work && timeout -k 10 $$(($(MINUTES) * 60 + 60)) ../report -max_total_time=$$(($(MINUTES) * 60)) \
		-max_len=40960 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 . $(CURDIR)/tests/fuzz/corpus

# The manual pages: the tables are those that the command lists.
MAN := $(O)/man/tcpshim.1 $(O)/man/libtcpshim.7
.PHONY: man
man: setup-package $(MAN) ## build the manual pages

$(MAN): $(O)/man/%: shim/cli/man/%.scd.in scripts/man $(O)/tcpshim
	@mkdir -p $(@D)
	$(call say,MAN,$@)
	$(Q)scripts/man $(O)/tcpshim $< > $@.scd
	$(Q)scdoc < $@.scd | sed '/^\.TH /a .nh' > $@

BINDIR ?= $(PREFIX)/bin
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
ZSHDIR ?= $(DATADIR)/zsh/site-functions
SCHEMAS := $(notdir $(wildcard include/tcpshim/schema/*.json))
HEADERS := record.h event.h calls.def notes.def facts.def scenarios.def
INSTALLED := $(LIBDIR)/libtcpshim.so $(BINDIR)/tcpshim $(MANDIR)/man1/tcpshim.1 $(MANDIR)/man7/libtcpshim.7 \
	$(HEADERS:%=$(INCLUDEDIR)/tcpshim/%) $(DATADIR)/bash-completion/completions/tcpshim \
	$(ZSHDIR)/_tcpshim $(SCHEMAS:%=$(DATADIR)/tcpshim/%)

.PHONY: install-library
install-library: library
	install -d $(DESTDIR)$(LIBDIR)
	install -m 0644 $(O)/libtcpshim.so $(DESTDIR)$(LIBDIR)/libtcpshim.so

.PHONY: install
install: setup-package ## install to PREFIX, LIBDIR (DESTDIR is respected)
	$(Q)$(MAKE) --no-print-directory all man install-library
	install -d $(sort $(dir $(INSTALLED:%=$(DESTDIR)%)))
	install -m 0755 $(O)/tcpshim $(DESTDIR)$(BINDIR)/tcpshim
	install -m 0644 $(O)/man/tcpshim.1 $(DESTDIR)$(MANDIR)/man1/tcpshim.1
	install -m 0644 $(O)/man/libtcpshim.7 $(DESTDIR)$(MANDIR)/man7/libtcpshim.7
	install -m 0644 $(HEADERS:%=include/tcpshim/%) $(DESTDIR)$(INCLUDEDIR)/tcpshim
	install -m 0644 shim/cli/completion/tcpshim.bash $(DESTDIR)$(DATADIR)/bash-completion/completions/tcpshim
	install -m 0644 shim/cli/completion/_tcpshim $(DESTDIR)$(ZSHDIR)/_tcpshim
	$(if $(SCHEMAS),install -m 0644 $(SCHEMAS:%=include/tcpshim/schema/%) $(DESTDIR)$(DATADIR)/tcpshim)
	$(if $(DESTDIR),,-ldconfig)

.PHONY: uninstall
uninstall: ## remove what make install put there
	rm -f $(INSTALLED:%=$(DESTDIR)%)
	-rmdir $(DESTDIR)$(INCLUDEDIR)/tcpshim $(DESTDIR)$(DATADIR)/tcpshim 2>/dev/null
	$(if $(DESTDIR),,-ldconfig)

# Packages for this machine's Debian, in O. Libraries of other architectures are cross-built.
.PHONY: deb
deb: ARCHITECTURES ?=
deb: setup-package ## build Debian packages (ARCHITECTURES='arm64 i386': the library for these too)
	$(Q)scripts/deb $(O) $(VERSION) $(ARCHITECTURES)

.PHONY: tarball
tarball: ## the libraries for which there is a compiler, with a script that installs them
	$(Q)scripts/tarball $(O) $(VERSION)

.PHONY: clean
clean: ## remove what was built
	$(Q)rm -rf $(O)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'
	@printf '\nVariables: O=dir (build), CC=gcc|clang, DEBUG=1, SAN=address,undefined, V=1, PREFIX, DESTDIR\n'

-include $(LIB_OBJECTS:.o=.d) $(CLI_OBJECTS:.o=.d) $(UNIT_OBJECTS:.o=.d) $(NOTES_OBJECTS:.o=.d) $(TSAN_OBJECTS:.o=.d) $(FUZZ_OBJECTS:.o=.d) $(FUZZ:=.d)
