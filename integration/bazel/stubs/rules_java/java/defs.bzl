"""Just what Bazel 4.2's own BUILD files load from rules_java: the native rules."""

_TAG = "__JAVA_RULES_MIGRATION_DO_NOT_USE_WILL_BREAK__"

def java_import(**kwargs):
    native.java_import(tags = kwargs.pop("tags", []) + [_TAG], **kwargs)

def java_runtime(**kwargs):
    native.java_runtime(tags = kwargs.pop("tags", []) + [_TAG], **kwargs)

def java_toolchain(**kwargs):
    native.java_toolchain(tags = kwargs.pop("tags", []) + [_TAG], **kwargs)
