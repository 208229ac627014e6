"""The whole way, once: check, plan, run, read back, prove."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wasmimg.checking import check_data, refusal_of
from wasmimg.delivery import Delivery, check_access, deliver, read_pushed
from wasmimg.engines.base import Finish, Order, Plan, check_plan, finish_of
from wasmimg.errors import EngineFailed, FileSystemFailed, ImageRefused, NetworkFailed, NoEngine, UsageError
from wasmimg.events import Event, Tell, silent
from wasmimg.image.layer import ModuleTar, compress_tar, open_in_tar
from wasmimg.image.manifest import build_image
from wasmimg.image.media_types import Format
from wasmimg.image.shape import Shape
from wasmimg.job import Job, command_words
from wasmimg.module.file import open_module
from wasmimg.readback import prove, take_image
from wasmimg.stores.files import file_system, write_whole
from wasmimg.stores.places import open_source, parse_output

if TYPE_CHECKING:
    from wasmimg.engines.docker import DockerFacts
    from wasmimg.engines.probe import Choice
    from wasmimg.runner import Runner
    from wasmimg.stores.opened import OpenedImage

__all__ = ["Built", "build", "build_lines"]


class Built(NamedTuple):
    """What a build gave: sizes in bytes, digests as ``sha256:...``.

    ``manifest_digest`` is None for an image that stays in an engine's store, since only a push
    makes one. ``results`` are the lines to print: ``REF@sha256:...``, or the place written.
    """

    plugin: str
    module: str
    engine: str
    why: str
    format: Format
    platform: str
    references: tuple[str, ...]
    outputs: tuple[str, ...]
    pushed: bool
    manifest_digest: str | None
    layer_digest: str
    layer_size: int
    module_digest: str
    module_size: int
    results: tuple[str, ...]
    warnings: tuple[str, ...]


def build(job: Job, environment: Mapping[str, str], tell: Tell = silent) -> Built:
    """Build the image of ``job``, put it where it shall go, and prove it there.

    Raises a WasmimgError in its class; then nothing half-made is left behind.
    """
    return _Build(job, environment, tell).run()


def build_lines(job: Job, environment: Mapping[str, str], tell: Tell = silent) -> list[str]:
    """The shell lines that do by hand what ``build`` would; nothing is touched."""
    return _Build(job, environment, tell).lines()


class _Build:
    """One build and what it has to remember on its way."""

    def __init__(self, job: Job, environment: Mapping[str, str], tell: Tell) -> None:
        self._job = job
        self._environment = environment
        self._warnings: list[str] = []
        self._listener = tell
        self._delivery = Delivery(
            job.spec.format, job.references, job.push, job.outputs, job.consumers, job.access, job.policy
        )
        self._order = Order(
            module=job.module,
            spec=job.spec,
            references=job.references,
            push=job.push,
            load=job.load,
            outputs=tuple(map(str, job.outputs)),
            dockerfile=job.dockerfile,
            insecure=frozenset(one.registry for one in job.references if job.access.is_insecure(one.registry)),
            ca_file=job.access.ca_file,
            own_credentials=job.access.given is not None,
            unique=uuid.uuid4().hex,
            consumers=tuple(map(str, job.consumers)),
        )

    def _tell(self, event: Event) -> None:
        if event.kind == "warning":
            self._warnings.append(event.text)
        self._listener(event)

    def _note(self, text: str) -> None:
        self._tell(Event("note", text))

    def lines(self) -> list[str]:
        with open_module(self._job.module) as module:
            self._check(module)
        choice = self._choose(dry_run=True)
        self._note(f"engine {choice.engine}: {choice.why}")
        plan = self._plan(choice)
        if choice.engine == "embedded":
            from wasmimg.engines.shell import own_command, quote

            epoch = self._job.spec.epoch
            prefix = ["env", f"SOURCE_DATE_EPOCH={epoch}"] if epoch else []
            words = [*prefix, *own_command(), *command_words(self._job._replace(engine="embedded"))]
            return [" ".join(quote(word) for word in words)]
        from wasmimg.engines.shell import shell_lines

        return shell_lines(plan, self._order)

    def run(self) -> Built:
        job = self._job
        for output in job.outputs:
            output.check()
        with open_in_tar(job.module, job.spec.epoch) as opened:
            self._check(opened.module)
            choice = self._choose(dry_run=False)
            self._note(f"engine {choice.engine}: {choice.why}")
            plan = self._plan(choice)
            self._heed_signature(plan)
            if job.load and choice.engine != "docker":
                self._require_docker()
            shape = (
                self._embedded(opened, plan)
                if choice.engine == "embedded"
                else self._by_engine(opened.module, plan, choice)
            )
        in_store = not job.push and not job.outputs
        digest = None if in_store else shape.manifest_digest
        if job.digest_file is not None and digest is not None:
            try:
                with file_system(f"the digest file {job.digest_file} cannot be written"):
                    write_whole(job.digest_file, (digest.encode(),))
            except FileSystemFailed as error:
                error.reason = "the image itself is done: " + ", ".join(self._results(digest))
                raise
        return Built(
            plugin=job.plugin,
            module=str(job.module),
            engine=choice.engine,
            why=choice.why,
            format=job.spec.format,
            platform=str(job.spec.platform),
            references=tuple(map(str, job.references)),
            outputs=tuple(map(str, job.outputs)),
            pushed=job.push,
            manifest_digest=digest,
            layer_digest=shape.layer_digest,
            layer_size=shape.layer_size,
            module_digest=shape.module_digest,
            module_size=shape.module_size,
            results=self._results(digest),
            warnings=tuple(self._warnings),
        )

    def _results(self, digest: str | None) -> tuple[str, ...]:
        if digest is None:
            return tuple(map(str, self._job.references))
        if self._job.references:
            return tuple(reference.pinned(digest) for reference in self._job.references)
        return tuple(f"{output}@{digest}" for output in self._job.outputs)

    def _check(self, module: memoryview) -> None:
        if self._job.spec.annotations and self._job.spec.format is Format.DOCKER:
            self._tell(
                Event(
                    "warning",
                    "Docker's format has no field for annotations; they are left out. --label K=V is its counterpart",
                )
            )
        if not self._job.check:
            return
        findings = check_data(module, self._job.consumers, self._job.silence)
        for finding in findings:
            if finding.level == "warning":
                self._tell(Event("warning", f"{finding.code}: {finding.message}; {finding.fix}"))
        refusal = refusal_of(f"{self._job.module} is not a module that a proxy loads", findings)
        if refusal is not None:
            raise refusal

    def _choose(self, *, dry_run: bool) -> Choice:
        return self._choose_engine(self._job.engine, dry_run=dry_run)

    def _choose_engine(self, asked: str, *, dry_run: bool) -> Choice:
        from wasmimg.engines.probe import choose

        return choose(
            asked,
            self._job.spec.format,
            environment=self._environment,
            idle=self._job.policy.idle_timeout,
            dry_run=dry_run,
        )

    def _heed_signature(self, plan: Plan) -> None:
        if not self._job.push or plan.signed:
            return
        from wasmimg.engines.docker import wants_signature

        if wants_signature(self._environment):
            who = "docker signs nothing from version 29 on" if plan.engine == "docker" else "only docker heeds it"
            self._tell(Event("warning", f"DOCKER_CONTENT_TRUST is set, and this push is not signed: {who}"))

    def _require_docker(self) -> None:
        """Ask docker before anything is pushed, and not only when it is to load the image."""
        try:
            self._choose_engine("docker", dry_run=False)
        except NoEngine as error:
            error.message = f"--load hands the image to docker: {error.message}"
            error.hint = "start docker, or leave --load out"
            raise

    def _plan(self, choice: Choice) -> Plan:
        if choice.engine == "docker":
            from wasmimg.engines.docker import DockerFacts, plan_docker, why_not_direct

            facts = choice.docker or DockerFacts()
            if self._order.to_store:
                self._judge_docker_store(facts)
            plan = plan_docker(self._order, facts)
            if self._job.push and plan.finish is not None:
                why = why_not_direct(self._order, facts) or "the same image goes to a file"
                self._note(f"docker builds and wasmimg pushes: {why}")
        elif choice.engine == "buildah":
            from wasmimg.engines.buildah import plan_buildah

            plan = plan_buildah(self._order, choice.flags, private=choice.private)
        elif choice.engine == "podman":
            from wasmimg.engines.podman import plan_podman

            plan = plan_podman(self._order, choice.flags)
        else:
            if self._order.to_store and not self._job.load:
                raise UsageError(
                    "the embedded engine has no store to leave the image in",
                    hint="add --push, or -o oci:DIR, or --load to hand it to docker",
                )
            finish, after = finish_of(self._order, "")
            plan = Plan("embedded", finish=finish, after=after)
        check_plan(plan)
        return plan

    def _judge_docker_store(self, facts: DockerFacts) -> None:
        if self._job.spec.format is Format.DOCKER or (facts.containerd and facts.buildkit):
            return
        store = "legacy builder" if facts.containerd else "classic store"
        if self._job.format_asked and not self._job.load:
            raise NoEngine(
                f"docker's {store} cannot keep an image in format oci",
                reason="a push from there would send Docker v2s2, or a mixture that no proxy takes",
                hint="add --push or -o oci:DIR, which wasmimg does in the format asked; or take -f docker",
            )
        self._tell(
            Event(
                "warning", f"docker's {store} has no format of its own: docker push will send this image as Docker v2s2"
            )
        )

    def _embedded(self, module: ModuleTar, plan: Plan) -> Shape:
        self._tell(Event("step", "build the image"))
        if self._job.artifact:
            from wasmimg.artifact_delivery import deliver_artifact
            from wasmimg.image.artifact import build_artifact

            artifact = build_artifact(module.module, dict(self._job.spec.annotations))
            return deliver_artifact(artifact, self._delivery, self._environment, self._tell)
        image = build_image(compress_tar(module.tar, module.module), self._job.spec)
        assert plan.finish is not None
        if not plan.after:
            shape = deliver(image, self._delivery, self._environment, self._tell)
        else:
            from wasmimg.runner import Runner

            with Runner(plan, environment=self._environment, policy=self._job.policy, tell=self._tell) as runner:
                shape = deliver(image, self._located(plan.finish, runner), self._environment, self._tell)
                for step in plan.after:
                    runner.run(step)
        assert shape is not None
        return shape

    def _by_engine(self, module: memoryview, plan: Plan, choice: Choice) -> Shape:
        from wasmimg.runner import Runner

        digest = f"sha256:{hashlib.sha256(module).hexdigest()}"
        if choice.engine == "docker" and plan.finish is None:
            # docker pushes with its own credentials, so these are the ones to try and to read back with.
            self._delivery = self._delivery._replace(access=self._delivery.access._replace(docker_only=True))
        reached = check_access(self._delivery, self._environment, self._tell) if self._job.push else False
        with Runner(plan, environment=self._environment, policy=self._job.policy, tell=self._tell) as runner:
            runner.stage(module, self._job.spec.epoch)
            pushed = self._steps(plan, runner, mend=reached and not plan.signed)
            if plan.finish is not None:
                shape = self._finish(plan, plan.finish, runner, digest)
                for step in plan.after:
                    runner.run(step)
            elif not self._job.push:
                shape = self._read_store(plan, runner, digest)
            elif pushed:
                shape = self._read_direct(plan, runner, digest)
            else:
                shape = self._mend(plan, runner, digest)
        return shape

    def _steps(self, plan: Plan, runner: Runner, *, mend: bool) -> bool:
        """Run the steps; False when the engine could not push and wasmimg may try itself."""
        for step in plan.steps:
            try:
                runner.run(step)
            except (NetworkFailed, EngineFailed) as error:
                # Its own failure as well: podman gives up where it should compress again what a registry has.
                passing = isinstance(error, EngineFailed) or error.transient
                if not (step.network and mend and passing):
                    raise
                self._tell(
                    Event(
                        "warning",
                        f"{plan.engine} could not push ({error.reason or error.message}); wasmimg pushes instead",
                    )
                )
                return False
        return True

    def _read_direct(self, plan: Plan, runner: Runner, digest: str) -> Shape:
        try:
            return read_pushed(self._delivery, digest, self._environment, self._tell)
        except ImageRefused as error:
            if plan.signed:
                raise
            self._tell(
                Event(
                    "warning",
                    f"what {plan.engine} pushed is not as asked ({error.reason or error.message}); wasmimg pushes instead",
                )
            )
            return self._mend(plan, runner, digest)

    def _mend(self, plan: Plan, runner: Runner, digest: str) -> Shape:
        return self._finish(plan, Finish(plan.exported, push=True, outputs=()), runner, digest)

    def _read_store(self, plan: Plan, runner: Runner, digest: str) -> Shape:
        for step in plan.export:
            runner.run(step)
        with self._open(plan.exported, runner) as opened:
            return prove(opened, wanted=None, module_digest=digest, consumers=self._job.consumers)

    def _finish(self, plan: Plan, finish: Finish, runner: Runner, digest: str) -> Shape:
        for step in plan.export:
            runner.run(step)
        with self._open(finish.source, runner) as opened:
            spec = self._job.spec
            image = take_image(opened, spec.format, spec.manifest_annotations(), module_digest=digest)
        shape = deliver(image, self._located(finish, runner), self._environment, self._tell)
        assert shape is not None
        return shape

    def _open(self, source: str, runner: Runner) -> AbstractContextManager[OpenedImage]:
        return open_source(
            runner.locate(source),
            access=self._job.access,
            environment=self._environment,
            policy=self._job.policy,
            tell=self._tell,
        )

    def _located(self, finish: Finish, runner: Runner) -> Delivery:
        outputs = tuple(parse_output(runner.locate(text), Path()) for text in finish.outputs)
        return self._delivery._replace(push=finish.push, outputs=outputs)
