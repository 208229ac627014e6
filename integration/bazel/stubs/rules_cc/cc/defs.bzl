"""Just what Bazel 4.2's own BUILD files load from rules_cc: the native rules."""

_TAG = "__CC_RULES_MIGRATION_DO_NOT_USE_WILL_BREAK__"

def cc_binary(**kwargs):
    native.cc_binary(tags = kwargs.pop("tags", []) + [_TAG], **kwargs)

def cc_library(**kwargs):
    native.cc_library(tags = kwargs.pop("tags", []) + [_TAG], **kwargs)

def cc_toolchain(**kwargs):
    native.cc_toolchain(tags = kwargs.pop("tags", []) + [_TAG], **kwargs)

def cc_toolchain_suite(**kwargs):
    native.cc_toolchain_suite(tags = kwargs.pop("tags", []) + [_TAG], **kwargs)
