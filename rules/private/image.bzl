"""wasm_image: a module made an image."""

load(":providers.bzl", "WasmImageInfo")
load(":toolchain.bzl", "NO_AUTO_EXEC_GROUPS", "TOOLCHAIN_TYPE", "wasmimg_of")

def consumer_arguments(consumers):
    """The arguments that say for whom an image is.

    Args:
      consumers: list of strings as in wasm_image.

    Returns:
      list of strings.
    """
    return [_line("--for", consumer) for consumer in consumers]

def _line(option, value):
    # The arguments of an action are in a file, one a line.
    if "\n" in value or "\r" in value:
        fail("%s %s holds a line break; write it in one line" % (option, repr(value)))
    return "%s=%s" % (option, value)

def _build_arguments(ctx):
    found = ["--engine=embedded", "--format=" + ctx.attr.format, "--variant=" + ctx.attr.variant]
    if ctx.attr.platform:
        found.append(_line("--platform", ctx.attr.platform))
    if not ctx.attr.check:
        found.append("--no-check")
    for option, pairs in (("--annotation", ctx.attr.annotations), ("--label", ctx.attr.labels)):
        found += [_line(option, "%s=%s" % pair) for pair in sorted(pairs.items())]
    return found + consumer_arguments(ctx.attr.consumers)

def _run(ctx, words, inputs, output, mnemonic, verb, more_outputs = []):
    # In a file, since a worker wants one, and since the key of an action is to be the same with and without
    # a worker. Not by Args.use_param_file: before Bazel 8 it would encode twice what is not ASCII.
    arguments = ctx.actions.declare_file(output.basename + ".args", sibling = output)
    ctx.actions.write(arguments, "\n".join(words) + "\n")
    tool = wasmimg_of(ctx)
    ctx.actions.run(
        executable = tool.files_to_run,
        arguments = ["@" + arguments.path],
        inputs = inputs + [arguments],
        outputs = [output] + more_outputs,
        mnemonic = mnemonic,
        progress_message = "%s wasm image %s" % (verb, ctx.label),
        execution_requirements = {"supports-workers": "1"} if tool.worker else {},
    )

def _wasm_image_impl(ctx):
    name = ctx.label.name
    module = ctx.file.module
    layout = ctx.actions.declare_directory(name)
    digest = ctx.actions.declare_file(name + ".digest")
    tar = ctx.actions.declare_file(name + ".tar")
    verified = ctx.actions.declare_file(name + ".verified")
    build_arguments = _build_arguments(ctx)
    build = ["build", "--quiet"] + build_arguments
    written = ["--output=oci:" + layout.path, "--digest-file=" + digest.path, "--", module.path]
    _run(ctx, build + written, [module], layout, "WasmImage", "Building", [digest])
    archive = "docker-archive:" if ctx.attr.format == "docker" else "oci-archive:"
    written = ["--output=" + archive + tar.path, "--", module.path]
    _run(ctx, build + written, [module], tar, "WasmImageTar", "Archiving")
    judge = ["verify", "--quiet"] + consumer_arguments(ctx.attr.consumers)
    written = ["--digest-file=" + verified.path, "oci:" + layout.path]
    _run(ctx, judge + written, [layout], verified, "WasmImageVerify", "Verifying")
    return [
        DefaultInfo(files = depset([layout]), runfiles = ctx.runfiles(files = [layout])),
        OutputGroupInfo(digest = depset([digest]), tar = depset([tar]), _validation = depset([verified])),
        WasmImageInfo(
            build_arguments = build_arguments,
            consumers = ctx.attr.consumers,
            digest = digest,
            format = ctx.attr.format,
            layout = layout,
            module = module,
            tar = tar,
        ),
    ]

wasm_image_rule = rule(
    doc = "Makes the image of a WebAssembly module that proxies load as a plugin.",
    implementation = _wasm_image_impl,
    attrs = {
        "annotations": attr.string_dict(
            doc = "Annotations of the manifest. Format `docker` has no place for them; use `labels` there.",
        ),
        "check": attr.bool(
            doc = "Whether the module is checked before an image is made of it. Verification looks into it in any case.",
            default = True,
        ),
        "consumers": attr.string_list(
            doc = "Who must take the image: `istio`, `envoy-gateway`, `higress` or `envoy`, each with `@RELEASE` if " +
                  "wanted. Empty means `istio`. If one of them would not, the build fails with its words.",
        ),
        "format": attr.string(
            doc = "Format of the manifest, `oci` or `docker`.",
            default = "oci",
            values = ["oci", "docker"],
        ),
        "labels": attr.string_dict(
            doc = "Labels in the image's config.",
        ),
        "module": attr.label(
            doc = "The module: a file, or a target that makes one file, whatever it is called.",
            mandatory = True,
            allow_single_file = True,
        ),
        "platform": attr.string(
            doc = "Platform to claim, `OS/ARCH`. Empty means `linux/amd64`, which every proxy looks for.",
        ),
        "variant": attr.string(
            doc = "`compat`, a tar with `plugin.wasm` in it, which every proxy takes, or `artifact`, the module itself.",
            default = "compat",
            values = ["compat", "artifact"],
        ),
        "_use_auto_exec_groups": NO_AUTO_EXEC_GROUPS,
    },
    provides = [WasmImageInfo],
    toolchains = [TOOLCHAIN_TYPE],
)

def wasm_image(name, **kwargs):
    """Makes the image of a WebAssembly module that proxies load as a plugin.

    ```starlark
    wasm_image(
        name = "image",
        module = ":basic_auth.wasm",
        consumers = ["istio", "envoy-gateway"],
    )
    ```

    `NAME` is the OCI layout, a folder, and nothing else: what `oci_push` of rules_oci and
    `skopeo copy oci:bazel-bin/...` want. `NAME.digest` is a file with the manifest digest, and
    `NAME.tar` is the image as one file; `//...` leaves it out.

    Verification is a validation action: it runs beside whatever needs the image and fails the build.
    Bazel 4 wants `--experimental_run_validations` for it; newer ones do so unless they are told otherwise.

    Args:
      name: name of the target.
      **kwargs: the attributes of the rule, and those that every rule has.
    """
    wasm_image_rule(name = name, **kwargs)
    common = {key: kwargs[key] for key in ("testonly", "visibility") if key in kwargs}
    tags = kwargs.get("tags", [])
    native.filegroup(
        name = name + ".digest",
        srcs = [name],
        output_group = "digest",
        tags = tags,
        **common
    )
    native.filegroup(
        name = name + ".tar",
        srcs = [name],
        output_group = "tar",
        tags = tags + ["manual"],
        **common
    )
