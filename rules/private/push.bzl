"""wasm_image_push: an image brought to a registry."""

load(":image.bzl", "consumer_arguments")
load(":launcher.bzl", "IMAGE", "image_of", "launcher", "runfile", "shell_word", "shell_words")
load(":providers.bzl", "WasmImageInfo")
load(":toolchain.bzl", "TOOLCHAIN_TYPE")

def _expanded(ctx, text):
    """`$(NAME)` replaced by its value; one that is not set stays, for the script to complain of."""
    parts = text.split("$(")
    found = parts[0]
    for part in parts[1:]:
        name, closed, rest = part.partition(")")
        found += (ctx.var[name] if closed and name in ctx.var else "$(" + name + closed) + rest
    return found

def _wasm_image_push_impl(ctx):
    image = image_of(ctx)
    status = [ctx.info_file, ctx.version_file] if ctx.attr.stamp else []
    consumers = ctx.attr.consumers
    if not consumers and WasmImageInfo in ctx.attr.image:
        consumers = ctx.attr.image[WasmImageInfo].consumers
    return [launcher(ctx, ctx.file._template, [image.file] + status, {
        "{ARGUMENTS}": shell_words(consumer_arguments(consumers)),
        "{IMAGE}": runfile(ctx, image.file),
        "{KIND}": image.kind,
        "{REPOSITORY}": shell_word(_expanded(ctx, ctx.attr.repository)),
        "{STATUS}": " ".join([runfile(ctx, file) for file in status]),
        "{TAGS}": shell_word("\n".join([_expanded(ctx, tag) for tag in ctx.attr.remote_tags])),
    })]

wasm_image_push_rule = rule(
    doc = "Pushes an image to a registry.",
    implementation = _wasm_image_push_impl,
    attrs = {
        "consumers": attr.string_list(
            doc = "Who must take the image before it is pushed, as in `wasm_image`. Empty means those of the image.",
        ),
        "image": IMAGE,
        "remote_tags": attr.string_list(
            doc = "Tags to push, with `$(NAME)` and `{KEY}` as in `repository`. Further ones: `bazel run ... -- --tag TAG`.",
        ),
        "repository": attr.string(
            doc = "Where to push, `REGISTRY/NAME`. `$(NAME)` is what `--define NAME=...` says, and `{KEY}` a key of " +
                  "the workspace status, for which `stamp` must be on.",
            mandatory = True,
        ),
        "stamp": attr.bool(
            doc = "Whether `{KEY}` is replaced. The image itself is never stamped.",
            default = False,
        ),
        "_template": attr.label(
            default = "//rules/private:push.sh.tpl",
            allow_single_file = True,
        ),
    },
    executable = True,
    toolchains = [TOOLCHAIN_TYPE],
)

def wasm_image_push(name, **kwargs):
    """Pushes an image to a registry: `bazel run` it.

    ```starlark
    wasm_image_push(
        name = "push",
        image = ":image",
        repository = "ghcr.io/acme/basic-auth",
        remote_tags = ["latest", "{STABLE_GIT_COMMIT}"],
    )
    ```

    The image is verified before it is pushed, and `REPOSITORY:TAG@sha256:...` is printed for each tag.
    What follows `--` is added: `--tag TAG` (repeatable), `--repository REPOSITORY` instead of the one here,
    and all that `wasmimg push` knows, such as `--insecure` or `--ca-file FILE`. Credentials are those of
    `docker login`, `podman login` or `skopeo login` at that time; none is in any action.

    Args:
      name: name of the target.
      **kwargs: the attributes of the rule, and those that every rule has. `stamp` is on with `bazel run --stamp`
        if nothing is said.
    """
    stamp = kwargs.pop("stamp", None)
    if stamp == None:
        stamp = select({
            str(Label("//rules:stamp")): True,
            "//conditions:default": False,
        })
    wasm_image_push_rule(name = name, stamp = stamp, **kwargs)
