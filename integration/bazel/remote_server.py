"""A remote execution server in one process: REAPI v2 as Bazel 4.2.3 speaks it, everything in memory.

    python remote_server.py

prints the port. The protocol is build/bazel/remote/execution/v2/remote_execution.proto; its messages are
those of BuildGrid, whose wheel must be importable. Actions run in new folders, with the environment that
the command names and nothing else.
"""

# mypy: disable-error-code="import-not-found,import-untyped,misc"
# The messages are generated, and their wheel is not installed.
from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as reapi
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2_grpc as services
from buildgrid._protos.google.bytestream import bytestream_pb2 as bytestream
from buildgrid._protos.google.bytestream import bytestream_pb2_grpc as bytestream_services
from buildgrid._protos.google.longrunning import operations_pb2 as operations

_CHUNK = 1 << 20  # bytes; gRPC refuses messages of 4 MB and more
_MESSAGE = 64 << 20  # bytes


class Store:
    """Blobs by hash, and results by the hash of their action."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.results: dict[str, Any] = {}

    def put(self, data: bytes) -> Any:
        """Keep ``data``; returns its Digest."""
        digest = hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        return reapi.Digest(hash=digest, size_bytes=len(data))

    def message(self, kind: Any, digest: Any) -> Any:
        """A message by the Digest of what it is as bytes."""
        return kind.FromString(self.blobs[digest.hash])


class Capabilities(services.CapabilitiesServicer):
    """What this server can do."""

    def GetCapabilities(self, request: Any, context: Any) -> Any:
        found = reapi.ServerCapabilities()
        found.cache_capabilities.digest_functions.append(reapi.DigestFunction.SHA256)
        found.cache_capabilities.action_cache_update_capabilities.update_enabled = True
        found.execution_capabilities.digest_function = reapi.DigestFunction.SHA256
        found.execution_capabilities.exec_enabled = True
        found.low_api_version.major = found.high_api_version.major = 2
        return found


class Cache(services.ContentAddressableStorageServicer, services.ActionCacheServicer):
    """Blobs in batches, and results of actions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def FindMissingBlobs(self, request: Any, context: Any) -> Any:
        missing = [digest for digest in request.blob_digests if digest.hash not in self._store.blobs]
        return reapi.FindMissingBlobsResponse(missing_blob_digests=missing)

    def BatchUpdateBlobs(self, request: Any, context: Any) -> Any:
        found = reapi.BatchUpdateBlobsResponse()
        for one in request.requests:
            found.responses.add(digest=self._store.put(one.data))
        return found

    def GetActionResult(self, request: Any, context: Any) -> Any:
        result = self._store.results.get(request.action_digest.hash)
        if result is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such result")
        return result

    def UpdateActionResult(self, request: Any, context: Any) -> Any:
        self._store.results[request.action_digest.hash] = request.action_result
        return request.action_result


class Stream(bytestream_services.ByteStreamServicer):
    """Single blobs: ``[uploads/UUID/]blobs/HASH/SIZE``."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def Read(self, request: Any, context: Any) -> Iterator[Any]:
        data = self._store.blobs.get(request.resource_name.split("/")[-2])
        if data is None:
            context.abort(grpc.StatusCode.NOT_FOUND, request.resource_name)
            return
        data = data[request.read_offset :]
        for at in range(0, len(data) or 1, _CHUNK):
            yield bytestream.ReadResponse(data=data[at : at + _CHUNK])

    def Write(self, request_iterator: Any, context: Any) -> Any:
        data = b"".join(request.data for request in request_iterator)
        self._store.put(data)
        return bytestream.WriteResponse(committed_size=len(data))


class Execution(services.ExecutionServicer):
    """Runs actions, each in a folder of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def Execute(self, request: Any, context: Any) -> Iterator[Any]:
        action = self._store.message(reapi.Action, request.action_digest)
        with tempfile.TemporaryDirectory() as folder:
            result = self._run(self._store.message(reapi.Command, action.command_digest), action, Path(folder))
        if result.exit_code == 0 and not action.do_not_cache:
            self._store.results[request.action_digest.hash] = result
        operation = operations.Operation(name=request.action_digest.hash, done=True)
        operation.response.Pack(reapi.ExecuteResponse(result=result))
        yield operation

    def _run(self, command: Any, action: Any, root: Path) -> Any:
        self._place(action.input_root_digest, root)
        folder = root / command.working_directory
        wanted = [*command.output_paths] or [*command.output_files, *command.output_directories]
        for path in wanted:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            list(command.arguments),
            cwd=folder,
            env={variable.name: variable.value for variable in command.environment_variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        result = reapi.ActionResult(exit_code=done.returncode, stdout_raw=done.stdout, stderr_raw=done.stderr)
        result.execution_metadata.worker = "one-process"
        for path in wanted:
            place = folder / path
            if place.is_dir():
                tree, children = self._tree(place)
                whole = reapi.Tree(root=tree, children=children)
                result.output_directories.add(path=path, tree_digest=self._store.put(whole.SerializeToString()))
            elif place.exists():
                executable = os.access(place, os.X_OK)
                result.output_files.add(path=path, digest=self._store.put(place.read_bytes()), is_executable=executable)
        return result

    def _place(self, digest: Any, folder: Path) -> None:
        """Write out the inputs."""
        directory = self._store.message(reapi.Directory, digest)
        for file in directory.files:
            (folder / file.name).write_bytes(self._store.blobs[file.digest.hash])
            (folder / file.name).chmod(0o555 if file.is_executable else 0o444)
        for link in directory.symlinks:
            (folder / link.name).symlink_to(link.target)
        for child in directory.directories:
            (folder / child.name).mkdir()
            self._place(child.digest, folder / child.name)

    def _tree(self, folder: Path) -> tuple[Any, list[Any]]:
        directory, children = reapi.Directory(), []
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                child, below = self._tree(path)
                children += [child, *below]
                directory.directories.add(name=path.name, digest=self._store.put(child.SerializeToString()))
            else:
                digest = self._store.put(path.read_bytes())
                directory.files.add(name=path.name, digest=digest, is_executable=os.access(path, os.X_OK))
        return directory, children


def main() -> None:
    """Serve until the process is ended."""
    store = Store()
    limits = [("grpc.max_receive_message_length", _MESSAGE), ("grpc.max_send_message_length", _MESSAGE)]
    # Two actions run at once, and two may ask for blobs meanwhile.
    server = grpc.server(ThreadPoolExecutor(4), options=limits)
    cache = Cache(store)
    added: list[tuple[Callable[[Any, Any], None], Any]] = [
        (services.add_CapabilitiesServicer_to_server, Capabilities()),
        (services.add_ContentAddressableStorageServicer_to_server, cache),
        (services.add_ActionCacheServicer_to_server, cache),
        (bytestream_services.add_ByteStreamServicer_to_server, Stream(store)),
        (services.add_ExecutionServicer_to_server, Execution(store)),
    ]
    for add, service in added:
        add(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
