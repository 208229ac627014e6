"""A registry in this process that keeps to the distribution spec."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import ssl
from urllib.parse import parse_qs

from tests.stores.fake_server import Reply, Seen, Server


class FakeRegistry(Server):
    """Blobs by (repository, digest) and manifests by (repository, tag or digest).

    ``basic`` and ``bearer`` are a user name and password that it demands, the second by way of
    its token server. ``location`` says how an upload is named: relative, absolute or query.
    ``most`` is the size of a body that it takes; ``least`` that of a chunk, which it then asks for.
    """

    def __init__(
        self,
        *,
        basic: tuple[str, str] | None = None,
        bearer: tuple[str, str] | None = None,
        identity_token: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls)
        self.basic = basic
        self.bearer = bearer
        self.identity_token = identity_token
        self.realm = f"http://{self.host}/token"
        self.location = "relative"
        self.uploads_at = f"{'https' if tls else 'http'}://{self.host}"
        self.blobs_at = ""
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.tokens: dict[str, str] = {}
        self.mounts = True
        self.most = self.least = 0
        self._partial: dict[str, bytes] = {}

    def reply(self, seen: Seen) -> Reply:
        if seen.path == "/token":
            return self._token(seen)
        refused = self._unauthorized(seen)
        if refused is not None:
            return refused
        match = re.fullmatch(r"/v2/(.+?)/(blobs/uploads|blobs|manifests)/(.*)", seen.path)
        if match is None:
            return Reply(200 if seen.path == "/v2/" else 404)
        repository, kind, name = match.groups()
        if kind == "blobs/uploads":
            return self._upload(seen, repository)
        if kind == "blobs":
            return self._blob(seen, repository, name)
        return self._manifest(seen, repository, name)

    def _unauthorized(self, seen: Seen) -> Reply | None:
        given = seen.headers.get("authorization", "")
        if self.basic is not None and given != _basic(*self.basic):
            return Reply(401, (("WWW-Authenticate", 'Basic realm="fake"'),), _errors("UNAUTHORIZED", "who are you"))
        if self.bearer is not None or self.identity_token:
            repository = seen.path.removeprefix("/v2/").partition("/blobs/")[0].partition("/manifests/")[0]
            scope = f"repository:{repository}:" + ("pull" if seen.method == "GET" else "pull,push")
            granted = self.tokens.get(given.removeprefix("Bearer "), "")
            if not granted.startswith(scope):
                fields = f'realm="{self.realm}",service="fake",scope="{scope}"'
                return Reply(401, (("WWW-Authenticate", f"Bearer {fields}"),), _errors("UNAUTHORIZED", "no token"))
        return None

    def _token(self, seen: Seen) -> Reply:
        form = parse_qs(seen.body.decode() if seen.method == "POST" else seen.query)
        if seen.method == "POST":
            known = bool(self.identity_token) and form.get("refresh_token") == [self.identity_token]
        else:
            known = self.bearer is not None and seen.headers.get("authorization") == _basic(*self.bearer)
        if not known:
            return Reply(401, (), _errors("UNAUTHORIZED", "unknown user"))
        token = f"token{len(self.tokens)}"
        self.tokens[token] = form["scope"][0]
        key = "access_token" if seen.method == "POST" else "token"
        return Reply(200, (("Content-Type", "application/json"),), json.dumps({key: token}).encode())

    def _upload(self, seen: Seen, repository: str) -> Reply:
        query = parse_qs(seen.query)
        path = f"/v2/{repository}/blobs/uploads/one"
        where = {
            "relative": path,
            "absolute": self.uploads_at + path,
            "query": f"{self.uploads_at}{path}?_state=a%2Fb%3D&x=1",
        }[self.location]
        if seen.method == "POST":
            self._partial[repository] = b""
            if self.mounts and "mount" in query and (query["from"][0], query["mount"][0]) in self.blobs:
                self.blobs[repository, query["mount"][0]] = self.blobs[query["from"][0], query["mount"][0]]
                return Reply(201, (("Docker-Content-Digest", query["mount"][0]),))
            least = (("OCI-Chunk-Min-Length", str(self.least)),) if self.least else ()
            return Reply(202, (("Location", where), *least))
        if seen.method == "DELETE":
            return Reply(204)
        if self.most and len(seen.body) > self.most:
            return Reply(413)
        if self.location == "query" and query.get("_state") != ["a/b="]:
            return Reply(404, (), _errors("BLOB_UPLOAD_UNKNOWN", "no such upload"))
        at, data = len(self._partial.get(repository, b"")), self._partial.get(repository, b"") + seen.body
        if seen.method == "PATCH":
            if seen.headers["content-range"] != f"{at}-{len(data) - 1}":
                return Reply(416)
            self._partial[repository] = data
            return Reply(202, (("Location", where), ("Range", f"0-{len(data) - 1}")))
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if query.get("digest") != [digest]:
            return Reply(400, (), _errors("DIGEST_INVALID", "provided digest did not match uploaded content"))
        self.blobs[repository, digest] = data
        return Reply(201, (("Docker-Content-Digest", digest),))

    def _blob(self, seen: Seen, repository: str, digest: str) -> Reply:
        data = self.blobs.get((repository, digest))
        if data is None:
            return Reply(404, (), _errors("BLOB_UNKNOWN", "blob unknown to registry"))
        if self.blobs_at and seen.method == "GET":
            return Reply(307, (("Location", f"{self.blobs_at}/{digest}"),))
        return Reply(200, (("Docker-Content-Digest", digest),), data)

    def _manifest(self, seen: Seen, repository: str, name: str) -> Reply:
        if seen.method == "PUT":
            body = json.loads(seen.body)
            parts = [body["config"], *body["layers"]] if "config" in body else []
            if any((repository, part["digest"]) not in self.blobs for part in parts):
                return Reply(400, (), _errors("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry"))
            self.put_manifest(repository, name, seen.body, seen.headers["content-type"])
            digest = f"sha256:{hashlib.sha256(seen.body).hexdigest()}"
            return Reply(201, (("Docker-Content-Digest", digest),))
        if (repository, name) not in self.manifests:
            return Reply(404, (), _errors("MANIFEST_UNKNOWN", "manifest unknown"))
        content_type, data = self.manifests[repository, name]
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        return Reply(200, (("Content-Type", content_type), ("Docker-Content-Digest", digest)), data)

    def put_manifest(self, repository: str, name: str, data: bytes, content_type: str) -> None:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.manifests[repository, name] = self.manifests[repository, digest] = (content_type, data)


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _errors(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()
