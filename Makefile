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
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),@:,@printf '  %-6s %s\n' $(1) $(2))

OPTIMISE := $(if $(filter 1,$(DEBUG)),-O0 -g3,-O2 -g)
SANITISE := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
WARNINGS := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wconversion -Wvla \
	-Wframe-larger-than=4096
BASE_CFLAGS := -std=gnu17 -D_GNU_SOURCE -Iinclude -Ishim $(OPTIMISE) $(WARNINGS) -MMD -MP
# Small frames, no fortify (clang refuses our own read under it), unwindable for cancellation, and the
# program's errno, names and signals left alone: see the comments at the top of the headers.
LIB_CFLAGS := $(BASE_CFLAGS) -fPIC -fvisibility=hidden -ftls-model=initial-exec -fexceptions \
	-fno-stack-protector -U_FORTIFY_SOURCE $(CFLAGS)
LIB_LDFLAGS := -shared -Wl,-soname,libtcpshim.so -Wl,-z,relro,-z,now,-z,defs,-z,nodelete,-z,initfirst \
	-Wl,--version-script=$(O)/exports.map $(LDFLAGS)
TEST_CFLAGS := $(BASE_CFLAGS) $(CFLAGS)

LIB_SOURCES := $(sort $(wildcard shim/format/*.c shim/core/*.c shim/sink/*.c shim/interpose/*.c))
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(O)/%.o)
PROGRAMS := $(patsubst tests/prog/%.c,$(O)/%,$(wildcard tests/prog/*.c))
HOSTILE := $(patsubst tests/hostile/%.c,$(O)/tests/hostile/%,$(wildcard tests/hostile/*.c))
UNIT := $(patsubst tests/unit/%.c,$(O)/tests/unit/%,$(wildcard tests/unit/test_*.c))
BENCH := $(patsubst tests/bench/%.c,$(O)/tests/bench/%,$(wildcard tests/bench/*.c))

.PHONY: all
all: $(O)/libtcpshim.so ## build the library

$(O)/exports.map: include/tcpshim/calls.def scripts/exports-map
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)scripts/exports-map $< > $@

$(O)/libtcpshim.so: $(LIB_OBJECTS) $(O)/exports.map
	$(call say,LINK,$@)
	$(Q)$(CC) $(LIB_LDFLAGS) -o $@ $(LIB_OBJECTS) -ldl

$(O)/shim/%.o: shim/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(LIB_CFLAGS) -c -o $@ $<

$(PROGRAMS): $(O)/%: tests/prog/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(TEST_CFLAGS) -pthread -o $@ $<

$(HOSTILE): $(O)/tests/hostile/%: tests/hostile/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(filter-out -Wframe-larger-than=4096,$(TEST_CFLAGS)) -O1 -pthread -o $@ $<

$(BENCH): $(O)/tests/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(TEST_CFLAGS) -pthread -o $@ $<

-include $(LIB_OBJECTS:.o=.d)
