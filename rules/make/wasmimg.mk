# wasmimg in a Makefile. Needs GNU make 4.2 or newer, and wasmimg.
#
#   WASMIMG_PLUGINS = basic-auth rate-limit
#   include wasmimg.mk
#
# images        every NAME.oci and NAME.image; the default goal, unless the Makefile names one before the include
# NAME.oci      the image, in one file: an OCI archive
# NAME.image    its name and manifest digest, REF@sha256:..., one line a tag
# push-NAME     pushes NAME.oci as it is; push: all of them
# verify-NAME   says whether the proxies would take NAME.oci; verify: all of them
#
# Set these before the include, in the environment, or behind make:
#
# WASMIMG_PLUGINS      what to build; a plugin of wasmimg.toml is built with --plugin NAME
# WASMIMG_MODULE_NAME  the module (default: what wasmimg.toml says, else NAME.wasm); leaves wasmimg.toml's plugin aside
# WASMIMG_REGISTRY     where images go: NAME becomes REGISTRY/NAME:TAG (default: what wasmimg.toml says)
# WASMIMG_TAG          one tag or more (default: latest)
# WASMIMG_IMAGE_NAME   the whole name of one image, or several
# WASMIMG_FORMAT, WASMIMG_ENGINE, WASMIMG_FOR, WASMIMG_CONFIG
#                      -f, -e, --for (one or more) and --config of wasmimg (default: its own)
# WASMIMG_OUT          folder for NAME.oci and NAME.image (default: this one)
# WASMIMG_FLAGS        more for every wasmimg build (default: -q); WASMIMG_FLAGS_NAME for that of NAME
# WASMIMG_PUSH_FLAGS   more for every wasmimg push (default: -q)
# WASMIMG              the program (default: wasmimg)
#
# Make has no paths with spaces, and so this has none.

ifneq ($(filter 3.% 4.0 4.0.% 4.1 4.1.%,$(MAKE_VERSION)),)
  $(error wasmimg.mk needs GNU make 4.2 or newer, and this is $(MAKE_VERSION))
endif
ifneq ($(words $(CURDIR)),1)
  $(error make has no paths with spaces: $(CURDIR))
endif

WASMIMG ?= wasmimg
WASMIMG_FLAGS ?= -q
WASMIMG_PUSH_FLAGS ?= -q

wasmimg.nearest = $(or $(wildcard $1/wasmimg.toml),$(if $1,$(call wasmimg.nearest,$(patsubst %/,%,$(dir $1)))))
wasmimg.config := $(patsubst $(CURDIR)/%,%,$(or $(WASMIMG_CONFIG),$(call wasmimg.nearest,$(CURDIR))))
wasmimg.out := $(WASMIMG_OUT:%=$(WASMIMG_OUT:/=)/)

# What make has to know of wasmimg.toml: the module of each plugin, and the variables that stand in it. Where a file
# says it in another way than one [plugins.NAME] and one module = "PATH" a line, that is an error and no guess.
wasmimg.awk = /^[ \t]*(plugins[ \t]*[.=]|\[[ \t]*plugins[ \t]*\])/ { print "wasmimg.odd:=1" } \
  /^[ \t]*\[/ { p = ""; if (/^[ \t]*\[[ \t]*plugins[ \t]*\./) { p = $$0; gsub(/^[^.]*\.|\][^]]*$$|["\047 \t]/, "", p); \
    if (p ~ /[^A-Za-z0-9_-]/) p = ""; else print "wasmimg.table." p ":=1" } } \
  p != "" && /^[ \t]*module[ \t]*=/ { m = $$0; sub(/^[^=]*=[ \t]*["\047]/, "", m); sub(/["\047].*/, "", m); \
    if (m !~ /[^A-Za-z0-9_.\/+@~{}$$-]|\$$\$$/) print "wasmimg.file." p ":=" (m ~ /^\// ? "" : folder) m } \
  { while (match($$0, /\$$\{[A-Za-z_][A-Za-z0-9_]*\}/)) { print "wasmimg.env+=" substr($$0, RSTART + 2, RLENGTH - 3); \
    $$0 = substr($$0, RSTART + RLENGTH) } }
wasmimg.toml := $(if $(wasmimg.config),$(shell awk -v folder=$(filter-out ./,$(dir $(wasmimg.config))) '$(wasmimg.awk)' $(wasmimg.config)))
$(foreach w,$(wasmimg.toml),$(eval $w))
$(foreach v,$(wasmimg.env),$(if $(filter undefined,$(origin $v)),,$(eval export $v)))

wasmimg.in-file = $(if $(WASMIMG_MODULE_$1),,$(wasmimg.table.$1)$(wasmimg.odd))
wasmimg.module = $(patsubst $(CURDIR)/%,%,$(or $(WASMIMG_MODULE_$1),$(wasmimg.file.$1),$(if $(call wasmimg.in-file,$1),$(error \
  $(wasmimg.config): the module of $1 is not to be found in it; write it as [plugins.$1] and module = "PATH", each on its own line, or set WASMIMG_MODULE_$1)),$1.wasm))
wasmimg.tagged = $(foreach tag,$(or $(WASMIMG_TAG),latest),$(WASMIMG_REGISTRY:/=)/$1:$(tag))
wasmimg.named = $(or $(WASMIMG_IMAGE_$1),$(if $(WASMIMG_REGISTRY),$(wasmimg.tagged),$(if $(and $(WASMIMG_TAG),$(call wasmimg.in-file,$1)),$(error \
  WASMIMG_TAG needs WASMIMG_REGISTRY: without it, $(wasmimg.config) names the image of $1, tag and all))))
wasmimg.common = $(addprefix --for ,$(WASMIMG_FOR)) $(addprefix --config ,$(WASMIMG_CONFIG))
wasmimg.build = $(strip $(WASMIMG) build $(if $(call wasmimg.in-file,$1),--plugin $1,$(wasmimg.module)) $(addprefix -t ,$(wasmimg.named)) \
  -o oci-archive:$(wasmimg.out)$1.oci $(addprefix -f ,$(WASMIMG_FORMAT)) $(addprefix -e ,$(WASMIMG_ENGINE)) \
  $(wasmimg.common))$(if $(WASMIMG_FLAGS), $(WASMIMG_FLAGS))$(if $(WASMIMG_FLAGS_$1), $(WASMIMG_FLAGS_$1))

# An image is made of its module, of wasmimg.toml, and of what is said elsewhere: the command and the variables, which
# a file beside it keeps. Compared here and not in a recipe, so that make -q and "Nothing to be done" stay true; and
# without an end of line, which make 4.3 leaves on a long one.
wasmimg.said = $(wasmimg.config) $(foreach v,SOURCE_DATE_EPOCH $(sort $(wasmimg.env)),$v=$(value $v)) $(call wasmimg.build,$1)
wasmimg.kept = $(dir $(wasmimg.out)$1).$(notdir $1).wasmimg
wasmimg.differ = $(subst x$1,,x$2)$(subst x$2,,x$1)
wasmimg.stale = $(if $(call wasmimg.differ,$(call wasmimg.said,$1),$(file <$(call wasmimg.kept,$1))),wasmimg.force)

.DELETE_ON_ERROR:
.PHONY: images push verify wasmimg.force $(WASMIMG_PLUGINS:%=push-%) $(WASMIMG_PLUGINS:%=verify-%)
images: $(foreach p,$(WASMIMG_PLUGINS),$(wasmimg.out)$p.oci $(wasmimg.out)$p.image)
push: $(WASMIMG_PLUGINS:%=push-%)
verify: $(WASMIMG_PLUGINS:%=verify-%)

$(foreach p,$(WASMIMG_PLUGINS),$(eval \
  $(wasmimg.out)$p.oci $(wasmimg.out)$p.image: $(call wasmimg.module,$p) $(wasmimg.config) $(call wasmimg.stale,$p)))

# A pattern, since only that is one command with two results in every make 4. What was there goes first: after a
# failure there is no digest, rather than that of the image before. set -e is for Makefiles with .ONESHELL.
$(wasmimg.out)%.oci $(wasmimg.out)%.image:
	$(if $(filter $*,$(WASMIMG_PLUGINS)),,$(error $* is not in WASMIMG_PLUGINS: $(WASMIMG_PLUGINS)))@set -e; mkdir -p $(@D)
	@rm -f $(wasmimg.out)$*.oci $(wasmimg.out)$*.image $(call wasmimg.kept,$*)
	$(call wasmimg.build,$*) > $(wasmimg.out)$*.image
	@printf %s '$(subst ','\'',$(call wasmimg.said,$*))' > $(call wasmimg.kept,$*)

$(WASMIMG_PLUGINS:%=push-%): push-%: $(wasmimg.out)%.oci $(wasmimg.out)%.image
	@! grep -q ^oci-archive: $(wasmimg.out)$*.image || { echo "$*: it has no name to push to: set WASMIMG_REGISTRY or WASMIMG_IMAGE_$*" >&2; exit 2; }
	$(strip $(WASMIMG) push oci-archive:$(wasmimg.out)$*.oci $$(sed 's/@.*//' $(wasmimg.out)$*.image) $(wasmimg.common))$(if $(WASMIMG_PUSH_FLAGS), $(WASMIMG_PUSH_FLAGS))

$(WASMIMG_PLUGINS:%=verify-%): verify-%: $(wasmimg.out)%.oci
	$(strip $(WASMIMG) verify oci-archive:$(wasmimg.out)$*.oci $(wasmimg.common))
