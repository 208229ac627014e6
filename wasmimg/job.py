"""From what the user said, in the file, the environment and on the command line, to jobs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from wasmimg.collisions import check_digest_file, check_places, check_plugins
from wasmimg.config import Config, Plugin, expand, expand_plugin, find_config, read_config
from wasmimg.consumers.selection import Consumer, parse_consumer
from wasmimg.delivery import Delivery
from wasmimg.engines.base import Dockerfile
from wasmimg.errors import UsageError
from wasmimg.image.manifest import ImageSpec
from wasmimg.image.media_types import Format
from wasmimg.image.platform import DEFAULT_PLATFORM, parse_platform
from wasmimg.image.reference import Reference, parse_reference
from wasmimg.request import ConvertRequest, Job, Request
from wasmimg.stores.credentials import Access, Credentials
from wasmimg.stores.places import parse_output
from wasmimg.variants import embedded_for_artifact, is_artifact

__all__ = [
    "ConvertRequest",
    "Job",
    "Request",
    "access_of",
    "command_words",
    "consumers_of",
    "load_config",
    "plan_convert",
    "plan_jobs",
]


def load_config(asked: Path | None, environment: Mapping[str, str], folder: Path) -> Config:
    """The file named by ``--config``, by WASMIMG_CONFIG, or the nearest one; else an empty one."""
    named = asked or (Path(environment["WASMIMG_CONFIG"]) if environment.get("WASMIMG_CONFIG") else None)
    path = folder / named if named is not None else find_config(folder)
    return read_config(path) if path is not None else Config(folder)


def plan_jobs(request: Request, environment: Mapping[str, str], folder: Path) -> tuple[tuple[Job, ...], Config]:
    """The jobs that ``request`` stands for, seen from ``folder``; raises UsageError."""
    config = load_config(request.config, environment, folder)
    if request.module is not None or request.dockerfile is not None:
        if request.plugins:
            raise UsageError("a module and --plugin exclude each other", hint="leave one of them out")
        job = _job(request, config, None, environment, folder)
        check_places(job)
        return (job,), config
    jobs = tuple(
        _job(request, config, expand_plugin(plugin, environment, config.path), environment, folder)
        for plugin in _chosen(request, config)
    )
    if len(jobs) > 1:
        _refuse_sharing(request)
        check_plugins(jobs)
    for job in jobs:
        check_places(job)
    return jobs, config


def access_of(request: Request, config: Config, environment: Mapping[str, str], folder: Path) -> Access:
    """How registries may be reached; raises UsageError for half of a pair of credentials."""
    given = None
    if request.username is not None or request.password is not None:
        if not request.username or request.password is None:
            raise UsageError(
                "a user name and a password belong together", hint="pass both --username and --password-stdin"
            )
        given = Credentials(request.username, request.password, "--username and --password-stdin")
    elif environment.get("WASMIMG_USERNAME") or environment.get("WASMIMG_PASSWORD"):
        if not environment.get("WASMIMG_USERNAME") or not environment.get("WASMIMG_PASSWORD"):
            raise UsageError("WASMIMG_USERNAME and WASMIMG_PASSWORD belong together, and one is not set")
        given = Credentials(
            environment["WASMIMG_USERNAME"], environment["WASMIMG_PASSWORD"], "WASMIMG_USERNAME and WASMIMG_PASSWORD"
        )
    ca_file = folder / request.ca_file if request.ca_file is not None else None
    if ca_file is not None and not os.path.isfile(ca_file):
        raise UsageError(f"no such file: {ca_file}", hint="--ca-file wants a file of PEM certificates")
    return Access(config.insecure, request.insecure, ca_file, given)


def consumers_of(asked: tuple[str, ...], config: Config) -> tuple[Consumer, ...]:
    """The consumers of ``--for``, of the file, or Istio."""
    return tuple(parse_consumer(text) for text in asked or config.consumers or ("istio",))


def plan_convert(
    request: ConvertRequest, environment: Mapping[str, str], folder: Path
) -> tuple[Delivery, Mapping[str, str]]:
    """Where ``wasmimg convert`` brings an image, and the annotations to give it; raises UsageError."""
    config = load_config(request.config, environment, folder)
    if request.pushed and request.references:
        raise UsageError(
            "a REF to push to and -t exclude each other", hint="a REF names the image in every output as well"
        )
    outputs = tuple(parse_output(text, folder) for text in request.outputs)
    form = _format(request.format or config.format or "oci")
    spec = ImageSpec(form, annotations=_merged((), request.annotations, "--annotation"))
    registry = Request(
        insecure=request.insecure, ca_file=request.ca_file, username=request.username, password=request.password
    )
    delivery = Delivery(
        form,
        _tagged(request.pushed or request.references),
        bool(request.pushed),
        outputs,
        consumers_of(request.consumers, config),
        access_of(registry, config, environment, folder),
        config.retry,
        is_artifact(request.variant, form, outputs),
    )
    return delivery, spec.manifest_annotations()


def command_words(job: Job) -> list[str]:
    """The arguments of the one ``wasmimg`` line that does ``job``."""
    from wasmimg.engines.shell import file_word, option_words

    # What silences a finding of a plugin stands in the file alone.
    module = option_words("--plugin", job.plugin) if job.plugin else [file_word(str(job.module))]
    words = ["build", *module, "-e", job.engine, "-f", str(job.spec.format)]
    for option, values in (
        ("-t", job.references),
        ("-o", job.outputs),
        ("--for", job.consumers),
        ("--annotation", [f"{key}={value}" for key, value in job.spec.annotations]),
        ("--label", [f"{key}={value}" for key, value in job.spec.labels]),
        ("--platform", [job.spec.platform] if job.spec.platform != DEFAULT_PLATFORM else []),
        ("--ca-file", [job.access.ca_file] if job.access.ca_file is not None else []),
        ("--digest-file", [job.digest_file] if job.digest_file is not None else []),
        ("--config", [job.config] if job.config is not None else []),
    ):
        words += [word for value in values for word in option_words(option, str(value))]
    flags = (
        ("--push", job.push),
        ("--load", job.load),
        ("--no-check", not job.check),
        ("--insecure", job.access.all_insecure),
        ("--variant=artifact", job.artifact),
    )
    return words + [flag for flag, said in flags if said]


def _chosen(request: Request, config: Config) -> tuple[Plugin, ...]:
    if not config.plugins:
        where = f"{config.path} names no plugins" if config.path else "there is no wasmimg.toml here or above"
        raise UsageError(
            f"no module given, and {where}", hint="name one: wasmimg build plugin.wasm -t REGISTRY/NAME:TAG --push"
        )
    by_name = {plugin.name: plugin for plugin in config.plugins}
    for name in request.plugins:
        if name not in by_name:
            from difflib import get_close_matches

            near = get_close_matches(name, by_name, 1)
            hint = f"{config.path} names {', '.join(by_name)}"
            raise UsageError(f"unknown plugin {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""), hint=hint)
    return tuple(by_name[name] for name in dict.fromkeys(request.plugins)) or config.plugins


def _refuse_sharing(request: Request) -> None:
    if request.references:
        raise UsageError(
            "-t names one image, and several plugins are to be built",
            hint="choose one with --plugin, or give each its image in wasmimg.toml",
        )
    if request.digest_file is not None:
        raise UsageError(
            "--digest-file holds one digest, and several plugins are to be built",
            hint="choose one with --plugin, or use --json",
        )
    for output in request.outputs:
        if not output.startswith("oci:"):
            raise UsageError(
                f"{output} holds one image, and several plugins are to be built",
                hint="choose one with --plugin, or write to a layout: -o oci:DIR",
            )


def _job(request: Request, config: Config, plugin: Plugin | None, environment: Mapping[str, str], folder: Path) -> Job:
    said_format = request.format or config.format
    form = _format(said_format or "oci")
    dockerfile = _dockerfile(folder / request.dockerfile) if request.dockerfile is not None else None
    engine = request.engine or environment.get("WASMIMG_ENGINE") or config.engine or "auto"
    if dockerfile is not None:
        if request.engine not in (None, "auto", "docker", "podman"):
            raise UsageError(f"--dockerfile is for docker and podman, and {request.engine} was asked for")
        engine = request.engine if request.engine == "podman" else "docker"
    outputs = tuple(dict.fromkeys(parse_output(text, folder) for text in request.outputs))
    for output in outputs:
        if output.kind == "docker-archive" and form is Format.OCI:
            if said_format is not None:
                raise UsageError(
                    "a docker-archive cannot hold format oci", hint="use -f docker, or write -o oci-archive:FILE"
                )
            form, said_format = Format.DOCKER, "docker"
    artifact = is_artifact(request.variant, form, outputs)
    if artifact:
        engine = embedded_for_artifact(engine)
        if request.load or request.labels or (plugin is not None and plugin.labels):
            raise UsageError(
                "the artifact variant has no place for labels, and docker cannot load it",
                hint="leave --load out, and write labels as --annotation K=V",
            )
    module = _module(request, config, plugin, dockerfile, folder)
    references = _references(request, config, plugin, environment)
    if request.push and not references:
        raise UsageError("--push needs to know where to", hint="add -t REGISTRY/NAME:TAG")
    if not references and not outputs:
        place = f"; or give plugins.{plugin.name} an image in wasmimg.toml" if plugin else ""
        raise UsageError(
            "the image has no name and no place to go", hint=f"add -t REGISTRY/NAME:TAG, or -o oci:DIR{place}"
        )
    if request.load and not references:
        raise UsageError("--load needs a name for the image", hint="add -t NAME:TAG")
    if request.digest_file is not None:
        if not request.push and not outputs:
            raise UsageError("--digest-file needs --push or -o", hint="an image in an engine's store has no digest yet")
        check_digest_file(folder / request.digest_file)
    return Job(
        module=module,
        spec=ImageSpec(
            form,
            parse_platform(request.platform) if request.platform else DEFAULT_PLATFORM,
            _merged(plugin.annotations if plugin else (), request.annotations, "--annotation"),
            _merged(plugin.labels if plugin else (), request.labels, "--label"),
            _epoch(environment),
        ),
        plugin=plugin.name if plugin else "",
        format_asked=said_format is not None,
        engine=engine,
        references=references,
        push=request.push,
        load=request.load,
        outputs=outputs,
        consumers=consumers_of(request.consumers, config),
        check=request.check,
        silence=plugin.silence if plugin else _silence(module, config, environment),
        dockerfile=dockerfile,
        access=access_of(request, config, environment, folder),
        policy=config.retry,
        digest_file=folder / request.digest_file if request.digest_file is not None else None,
        artifact=artifact,
        config=config.path if request.config is not None or environment.get("WASMIMG_CONFIG") else None,
    )


def _silence(module: Path, config: Config, environment: Mapping[str, str]) -> tuple[str, ...]:
    """What the plugin of wasmimg.toml with this very module silences, also when it is built by its path."""
    if not any(plugin.silence for plugin in config.plugins):
        return ()
    from wasmimg.checking import silences

    return silences(config, environment).get(Path(os.path.realpath(module)), ())


def _module(
    request: Request, config: Config, plugin: Plugin | None, dockerfile: Dockerfile | None, folder: Path
) -> Path:
    if plugin is not None:
        return config.folder / plugin.module
    if request.module is not None:
        return folder / request.module
    assert dockerfile is not None
    assert request.dockerfile is not None
    return (folder / request.dockerfile).parent / dockerfile.source


def _references(
    request: Request, config: Config, plugin: Plugin | None, environment: Mapping[str, str]
) -> tuple[Reference, ...]:
    texts = request.references
    if not texts and plugin is not None and plugin.image is not None:
        prefix = expand(config.registry, environment, f"{config.path}: registry").rstrip("/") if config.registry else ""
        image = plugin.image if not prefix or _names_registry(plugin.image) else f"{prefix}/{plugin.image}"
        slash, colon = image.rfind("/"), image.rfind(":")
        untagged = image[:colon] if colon > slash else image
        texts = (image, *(f"{untagged}:{tag}" for tag in plugin.tags))
    return _tagged(texts)


def _tagged(texts: tuple[str, ...]) -> tuple[Reference, ...]:
    found = tuple(dict.fromkeys(parse_reference(text) for text in texts))
    for reference in found:
        if reference.digest is not None:
            raise UsageError(
                f"{reference} names a digest, and an image gets its digest from its bytes", hint="name a tag"
            )
    return found


def _names_registry(image: str) -> bool:
    first, slash, _ = image.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")


def _format(text: str) -> Format:
    try:
        return Format(text)
    except ValueError:
        raise UsageError(f"unknown format {text!r}", hint="formats are oci and docker") from None


def _dockerfile(path: Path) -> Dockerfile:
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise UsageError(f"no such file: {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read", reason=str(error)) from None
    from wasmimg.image.dockerfile import check_dockerfile

    return Dockerfile(text, check_dockerfile(text, name=str(path)))


def _merged(base: tuple[tuple[str, str], ...], texts: tuple[str, ...], option: str) -> tuple[tuple[str, str], ...]:
    pairs = dict(base)
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{option} {text!r} is not of the form KEY=VALUE")
        pairs[key.strip()] = value
    for key, value in pairs.items():
        try:
            f"{key}={value}".encode()
        except UnicodeEncodeError:  # the arguments and the environment may hold any bytes, JSON may not
            raise UsageError(f"{option} {f'{key}={value}'!r} is not UTF-8") from None
    return tuple(sorted(pairs.items()))


def _epoch(environment: Mapping[str, str]) -> int:
    text = environment.get("SOURCE_DATE_EPOCH") or "0"
    # reproducible-builds.org/specs/source-date-epoch; the tar header holds 33 bits
    if not re.fullmatch("[0-9]{1,10}", text) or int(text) >= 1 << 33:
        raise UsageError(f"SOURCE_DATE_EPOCH is {text[:40]!r}, and not a number of seconds since 1970")
    return int(text)
