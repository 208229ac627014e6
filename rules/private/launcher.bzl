"""Scripts that call the tool with what Bazel made: for bazel run and for tests."""

load(":providers.bzl", "WasmImageInfo")
load(":toolchain.bzl", "wasmimg_of")

IMAGE = attr.label(
    doc = "The image: a `wasm_image`, or any target that makes one OCI layout folder or one OCI archive (`.tar`), " +
          "as rules_oci's `oci_image` does.",
    mandatory = True,
    allow_single_file = True,
)

def shell_word(text):
    """Quotes a text for sh.

    Args:
      text: string.

    Returns:
      string: one word of sh.
    """
    return "'" + text.replace("'", "'\"'\"'") + "'"

def shell_words(texts):
    """Quotes texts for sh.

    Args:
      texts: list of strings.

    Returns:
      string: as many words of sh.
    """
    return " ".join([shell_word(text) for text in texts])

def runfile(ctx, file):
    """Where a file is among the runfiles.

    Args:
      ctx: the context of the rule.
      file: File.

    Returns:
      string: a path, quoted for sh.
    """
    path = file.short_path
    return shell_word(path[len("../"):] if path.startswith("../") else ctx.workspace_name + "/" + path)

def image_of(ctx):
    """What an image target holds.

    Args:
      ctx: the context of a rule with IMAGE as its attribute `image`.

    Returns:
      struct(file = File, kind = string): the layout or archive, and the prefix that tells which it is.
    """
    if WasmImageInfo in ctx.attr.image:
        return struct(file = ctx.attr.image[WasmImageInfo].layout, kind = "oci")
    file = ctx.file.image
    if file.is_directory:
        return struct(file = file, kind = "oci")
    if file.extension == "tar":
        return struct(file = file, kind = "oci-archive")
    fail("%s makes %s, and neither a folder with an OCI layout nor a .tar with one" % (ctx.attr.image.label, file.basename))

def launcher(ctx, template, files, substitutions):
    """Writes the script of an executable rule.

    Args:
      ctx: the context of a rule with TOOLCHAIN_TYPE among its toolchains.
      template: File with the script; `{TOOL}` and `{LABEL}` are filled in.
      files: list of Files that the script needs.
      substitutions: dict of what else to fill in.

    Returns:
      DefaultInfo.
    """
    tool = wasmimg_of(ctx)
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.expand_template(
        template = template,
        output = script,
        is_executable = True,
        substitutions = dict({"{LABEL}": shell_word(str(ctx.label)), "{TOOL}": runfile(ctx, tool.executable)}, **substitutions),
    )
    return DefaultInfo(
        executable = script,
        files = depset([script]),
        runfiles = ctx.runfiles(files = files).merge(tool.runfiles),
    )
