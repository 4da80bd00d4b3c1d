"""A Lambda as strict as AWS's, on loopback: what moto cannot provoke.

409 while an update is in progress, 412 for a stale revision, immutable versions, published once for the same content,
a quota of calls a second; concurrency that GetFunction hides behind a qualifier; IAM with inline policies, STS and log
groups beside it. `rules` answer chosen calls in another way, or late.

python -m tests.aws.strict PORT [LATENCY_S] [UPDATE_S] [QUOTA] serves one until it is ended.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
import sys
import threading
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape

ACCOUNT, REGION = "123456789012", "eu-central-1"
PREFIX = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
CONFIGURATION = (
    *(
        "Runtime",
        "Role",
        "Handler",
        "Description",
        "Timeout",
        "MemorySize",
        "VpcConfig",
        "Environment",
        "TracingConfig",
    ),
    *("DeadLetterConfig", "KMSKeyArn", "Layers", "FileSystemConfigs", "EphemeralStorage", "SnapStart", "LoggingConfig"),
    "ImageConfig",
)
BUSY = "The operation cannot be performed at this time. "
STALE = "The Revision Id provided does not match the latest Revision Id."
TRUST = '{"Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}'


class Refusal(Exception):  # noqa: N818 - an answer of the API
    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind, self.message = status, kind, message


def missing(what: str) -> Refusal:
    return Refusal(404, "ResourceNotFoundException", f"{what} not found")


@dataclass
class Rule:
    """Calls whose name matches `call` get another answer (`status`, `kind`, `message`), or the true one late."""

    call: str
    status: int = 0
    kind: str = ""
    message: str = ""
    times: int = 1
    before_s: float = 0.0  # how long the call takes to arrive
    after_s: float = 0.0  # and its answer to come back


@dataclass
class Function:
    latest: dict[str, Any]
    tags: dict[str, str]
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    aliases: dict[str, dict[str, Any]] = field(default_factory=dict)
    concurrency: int | None = None
    statements: dict[str, dict[str, Any]] = field(default_factory=dict)
    url: dict[str, Any] | None = None
    published: int = 0
    busy_until: float = 0.0

    def settle(self) -> None:
        if self.busy_until and time.monotonic() >= self.busy_until:
            self.busy_until = 0.0
            self.latest |= {"State": "Active", "LastUpdateStatus": "Successful"}
            self.revise()

    def revise(self) -> None:
        self.latest["RevisionId"] = str(uuid.uuid4())

    def check(self, name: str, body: dict[str, Any]) -> None:
        """Refuse a change while another is in progress, or of another revision."""
        if self.busy_until:
            pending = self.latest["State"] == "Pending"
            why = "The function is currently in the following state: Pending" if pending else ""
            why = why or f"An update is in progress for resource: {PREFIX}{name}"
            raise Refusal(409, "ResourceConflictException", BUSY + why)
        if body.get("RevisionId") not in {None, self.latest["RevisionId"]}:
            raise Refusal(412, "PreconditionFailedException", STALE)

    def begin(self, update_s: float) -> None:
        self.latest["LastUpdateStatus"] = "InProgress"
        self.latest["LastModified"] = time.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        self.busy_until = time.monotonic() + update_s
        self.revise()


@dataclass
class Lambda:
    """The state of the account, and how the server behaves."""

    latency_s: float = 0.0
    update_s: float = 0.05
    quota: int = 0
    rules: list[Rule] = field(default_factory=list)
    functions: dict[str, Function] = field(default_factory=dict)
    groups: dict[str, int | None] = field(default_factory=dict)
    roles: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    throttled: int = 0
    port: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    second: tuple[int, int] = (0, 0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def rule(self, call: str) -> Rule | None:
        for rule in self.rules:
            if rule.times > 0 and re.search(rule.call, call):
                rule.times -= 1
                return rule
        return None

    def counted(self) -> None:
        now = int(time.time())
        self.second = (now, self.second[1] + 1 if self.second[0] == now else 1)
        if self.quota and self.second[1] > self.quota:
            self.throttled += 1
            raise Refusal(429, "TooManyRequestsException", "Rate exceeded")

    # ------------------------------------------------------------------ Lambda

    def function(self, name: str) -> Function:
        if name not in self.functions:
            raise missing(f"Function {PREFIX}{name}")
        self.functions[name].settle()
        return self.functions[name]

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        name = body["FunctionName"]
        if name in self.functions:
            raise Refusal(409, "ResourceConflictException", f"Function already exist: {name}")
        latest: dict[str, Any] = {
            "FunctionName": name,
            "FunctionArn": PREFIX + name,
            "Version": "$LATEST",
            "Timeout": 3,
            "MemorySize": 128,
            "Description": "",
            "TracingConfig": {"Mode": "PassThrough"},
            "EphemeralStorage": {"Size": 512},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
            "PackageType": body.get("PackageType", "Zip"),
            "Architectures": body.get("Architectures", ["x86_64"]),
        }
        made = Function(latest, dict(body.get("Tags", {})))
        configure(latest, body)
        coded(latest, body["Code"])
        made.begin(self.update_s)
        latest |= {"State": "Pending", "LastUpdateStatus": "Successful"}
        self.functions[name] = made
        return latest

    def shown(self, name: str, qualifier: str | None) -> dict[str, Any]:
        found = self.function(name)
        if not qualifier or qualifier == "$LATEST":
            return found.latest
        version = found.aliases.get(qualifier, {}).get("FunctionVersion", qualifier)
        if version not in found.versions:
            raise missing(f"Function {PREFIX}{name}:{qualifier}")
        return found.versions[version] | {"FunctionArn": f"{PREFIX}{name}:{qualifier}"}

    def get(self, name: str, qualifier: str | None) -> dict[str, Any]:
        found = self.function(name)
        answer: dict[str, Any] = {"Configuration": self.shown(name, qualifier)}
        answer["Code"] = {"RepositoryType": "S3", "Location": f"{self.url}/_code/{name}"}
        if found.tags:
            answer["Tags"] = found.tags
        if found.concurrency is not None and not qualifier:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": found.concurrency}
        return answer

    def publish(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        found = self.function(name)
        found.check(name, body)
        if body.get("CodeSha256") not in {None, found.latest["CodeSha256"]}:
            raise Refusal(400, "InvalidParameterValueException", "CodeSHA256 is different from current CodeSHA256")
        last = found.versions.get(str(found.published))
        same = (*CONFIGURATION, "CodeSha256", "Architectures")
        if last and all(last.get(key) == found.latest.get(key) for key in same):
            return last
        found.published += 1
        number = str(found.published)
        found.versions[number] = copy.deepcopy(found.latest) | {
            "Version": number,
            "FunctionArn": f"{PREFIX}{name}:{number}",
        }
        return found.versions[number]

    def alias(self, method: str, name: str, alias: str, body: dict[str, Any]) -> dict[str, Any]:
        found = self.function(name)
        if method == "POST":
            if alias in found.aliases:
                raise Refusal(409, "ResourceConflictException", f"Alias already exists: {alias}")
            found.aliases[alias] = {"Name": alias, "AliasArn": f"{PREFIX}{name}:{alias}", "Description": ""}
        there = found.aliases.get(alias)
        if there is None:
            raise missing(f"Alias {alias}")
        if method == "GET":
            return there
        if body.get("RevisionId") not in {None, there.get("RevisionId")}:
            raise Refusal(412, "PreconditionFailedException", STALE)
        if body["FunctionVersion"] not in found.versions:
            raise missing("Version")
        there |= {key: body[key] for key in ("FunctionVersion", "Description") if key in body}
        there["RevisionId"] = str(uuid.uuid4())
        return there

    def serve(self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]) -> Any:  # noqa: C901, PLR0911, PLR0912, PLR0915 - the API's own size
        qualifier = next(iter(query.get("Qualifier", [])), None)
        if match := re.fullmatch(r"/2017-03-31/tags/(.+)", path):
            found = self.function(urllib.parse.unquote(match[1]).split(":")[6])
            if method == "POST":
                found.tags.update(body["Tags"])
            elif method == "DELETE":
                for key in query.get("tagKeys", []):
                    found.tags.pop(key, None)
            return {"Tags": found.tags} if method == "GET" else None
        match = re.fullmatch(r"/\d{4}-\d\d-\d\d/functions(?:/([^/]+)(/.*)?)?/?", path)
        if match is None:
            raise Refusal(400, "InvalidRequestException", f"{method} {path}")
        if match[1] is None:
            if method == "POST":
                return self.create(body)
            return {"Functions": [function.latest for function in self.functions.values()]}
        name, rest = urllib.parse.unquote(match[1]), match[2] or ""
        found = self.function(name)
        if alias := re.fullmatch(r"/aliases/(.+)", rest):
            return self.alias(method, name, alias[1], body)
        if statement := re.fullmatch(r"/policy/(.+)", rest):
            if found.statements.pop(urllib.parse.unquote(statement[1]), None) is None:
                raise missing("Statement")
            return None
        match method, rest:
            case "GET", "":
                return self.get(name, qualifier)
            case "DELETE", "":
                if qualifier:
                    found.versions.pop(qualifier, None)
                else:
                    del self.functions[name]
                return None
            case "GET", "/configuration":
                return self.shown(name, qualifier)
            case "PUT", "/configuration":
                found.check(name, body)
                configure(found.latest, body)
                found.begin(self.update_s)
                return found.latest
            case "PUT", "/code":
                found.check(name, body)
                coded(found.latest, body)
                found.latest["Architectures"] = body.get("Architectures", found.latest["Architectures"])
                found.begin(self.update_s)
                return found.latest
            case "GET", "/concurrency":
                known = found.concurrency
                return {} if known is None else {"ReservedConcurrentExecutions": known}
            case "PUT", "/concurrency":
                found.concurrency = body["ReservedConcurrentExecutions"]
                return {"ReservedConcurrentExecutions": found.concurrency}
            case "DELETE", "/concurrency":
                found.concurrency = None
                return None
            case "POST", "/versions":
                return self.publish(name, body)
            case "GET", "/versions":
                return {"Versions": [found.latest, *found.versions.values()]}
            case "GET", "/aliases":
                return {"Aliases": list(found.aliases.values())}
            case "POST", "/aliases":
                return self.alias(method, name, body["Name"], body)
            case "GET", "/policy":
                if not found.statements:
                    raise missing("Policy")
                return {"Policy": json.dumps({"Statement": list(found.statements.values())}), "RevisionId": "1"}
            case "POST", "/policy":
                found.statements[body["StatementId"]] = {"Sid": body["StatementId"], **body}
                return {"Statement": json.dumps(body)}
            case "GET", "/url" if found.url:
                return found.url
        raise missing(f"{method} {path}")

    # ------------------------------------------------------------------ beside it

    def logs(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        name = body.get("logGroupName", "")
        if operation == "CreateLogGroup":
            if name in self.groups:
                raise Refusal(400, "ResourceAlreadyExistsException", "exists")
            self.groups[name] = None
        elif operation == "DescribeLogGroups":
            shown = [
                (group, days) for group, days in self.groups.items() if group.startswith(body["logGroupNamePrefix"])
            ]
            return {
                "logGroups": [
                    {"logGroupName": group} | ({"retentionInDays": days} if days else {}) for group, days in shown
                ]
            }
        elif name not in self.groups:
            raise Refusal(400, "ResourceNotFoundException", "The specified log group does not exist.")
        elif operation == "PutRetentionPolicy":
            self.groups[name] = body["retentionInDays"]
        elif operation == "DeleteRetentionPolicy":
            self.groups[name] = None
        elif operation == "DeleteLogGroup":
            del self.groups[name]
        return {}

    def iam(self, action: str, given: dict[str, str]) -> str:
        name = given["RoleName"]
        if action == "CreateRole":
            self.roles[name] = {"trust": given["AssumeRolePolicyDocument"], "policies": {}, "managed": []}
        role = self.roles.get(name)
        if role is None:
            raise Refusal(404, "NoSuchEntity", f"The role with name {name} cannot be found.")
        if action in {"GetRole", "CreateRole"}:
            arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
            document = urllib.parse.quote(role["trust"])
            return (
                f"<Role><Path>/</Path><Arn>{arn}</Arn><RoleName>{name}</RoleName><RoleId>AROA1234567890123456</RoleId>"
                f"<AssumeRolePolicyDocument>{document}</AssumeRolePolicyDocument>"
                "<CreateDate>2020-01-01T00:00:00Z</CreateDate></Role>"
            )
        if action == "PutRolePolicy":
            role["policies"][given["PolicyName"]] = json.loads(given["PolicyDocument"])
        elif action == "GetRolePolicy":
            if given["PolicyName"] not in role["policies"]:
                raise Refusal(404, "NoSuchEntity", "no such policy")
            document = urllib.parse.quote(json.dumps(role["policies"][given["PolicyName"]]))
            return (
                f"<RoleName>{name}</RoleName><PolicyName>{escape(given['PolicyName'])}</PolicyName>"
                f"<PolicyDocument>{document}</PolicyDocument>"
            )
        elif action == "DeleteRolePolicy":
            role["policies"].pop(given["PolicyName"], None)
        return ""


def configure(latest: dict[str, Any], body: dict[str, Any]) -> None:
    for key in CONFIGURATION:
        if key not in body:
            continue
        value = copy.deepcopy(body[key])
        if key == "Layers":
            latest[key] = [{"Arn": arn, "CodeSize": 1} for arn in value]
        elif key == "ImageConfig":
            latest["ImageConfigResponse"] = {"ImageConfig": value}
        elif key == "VpcConfig" and value.get("SubnetIds"):
            latest[key] = value | {"VpcId": "vpc-1"}
        else:
            latest[key] = value


def coded(latest: dict[str, Any], body: dict[str, Any]) -> None:
    if uri := body.get("ImageUri"):
        latest |= {"CodeSha256": uri.rpartition(":")[2], "CodeSize": 0}
    else:
        content = base64.b64decode(body["ZipFile"])
        latest |= {"CodeSha256": base64.b64encode(hashlib.sha256(content).digest()).decode(), "CodeSize": len(content)}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self) -> None:
        there = self.server.there
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        time.sleep(there.latency_s)
        found = re.search(r"/([\w-]+)/aws4_request", self.headers.get("Authorization") or "")
        service = found[1] if found else ""
        form = dict(urllib.parse.parse_qsl(raw.decode())) if service in {"iam", "sts"} else {}
        action = form.get("Action") or (self.headers.get("X-Amz-Target") or "").rpartition(".")[2]
        call = f"{service} {action}" if action else f"{self.command} {self.path}"
        with there.lock:
            there.calls.append(call)
            rule = there.rule(call)
        try:
            if rule and rule.status:
                raise Refusal(rule.status, rule.kind, rule.message)  # noqa: TRY301 - one way out
            time.sleep(rule.before_s if rule else 0)
            with there.lock:
                content = json.dumps(self.served(service, action, form, raw)).encode()
            time.sleep(rule.after_s if rule else 0)
            if service in {"iam", "sts"}:
                text = f"<{action}Response><{action}Result>{json.loads(content)}</{action}Result></{action}Response>"
                self.answer(200, text.encode(), Content_Type="text/xml")
            else:
                self.answer(200, b"" if content == b"null" else content, Content_Type="application/json")
        except Refusal as refusal:
            self.refuse(service, refusal)

    def refuse(self, service: str, refusal: Refusal) -> None:
        if service in {"iam", "sts"}:
            error = f"<Error><Code>{refusal.kind}</Code><Message>{escape(refusal.message)}</Message></Error>"
            self.answer(refusal.status, f"<ErrorResponse>{error}</ErrorResponse>".encode(), Content_Type="text/xml")
        else:
            body = {"__type": refusal.kind, "Type": "User", "Message": refusal.message, "message": refusal.message}
            self.answer(refusal.status, json.dumps(body).encode(), x_amzn_ErrorType=refusal.kind)

    def served(self, service: str, action: str, form: dict[str, str], raw: bytes) -> Any:
        there = self.server.there
        if service == "sts":
            return f"<Arn>arn:aws:iam::{ACCOUNT}:user/me</Arn><UserId>X</UserId><Account>{ACCOUNT}</Account>"
        if service == "iam":
            return there.iam(action, form)
        if service == "logs":
            return there.logs(action, json.loads(raw))
        there.counted()
        url = urllib.parse.urlsplit(self.path)
        body = json.loads(raw) if raw[:1] == b"{" else {}
        return there.serve(self.command, url.path, urllib.parse.parse_qs(url.query), body)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any  # noqa: N815 - http.server's names


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, there: Lambda, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.there = there
        there.port = self.server_address[1]


@contextmanager
def strict(**behaviour: Any) -> Iterator[Lambda]:
    """A strict Lambda for as long as the block lasts; the role `hello` is there and trusts Lambda."""
    there = Lambda(**behaviour)
    there.roles["hello"] = {"trust": TRUST, "policies": {}, "managed": []}
    server = Server(there)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    words = [float(word) for word in sys.argv[2:]]
    latency_s, update_s, quota = (*words, *(0.0, 0.3, 0.0)[len(words) :])
    made = Lambda(latency_s, update_s, int(quota))
    made.roles["hello"] = {"trust": TRUST, "policies": {}, "managed": []}
    Server(made, int(sys.argv[1])).serve_forever()
