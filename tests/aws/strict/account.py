"""The account that the strict server answers for: its state, its quota, the rules, and which call goes where."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

from tests.aws.strict.answers import Refusal, Rule, missing
from tests.aws.strict.beside import Beside
from tests.aws.strict.ecr import Ecr
from tests.aws.strict.function import coded, configure
from tests.aws.strict.functions import Functions


@dataclass
class Lambda(Functions, Beside, Ecr):
    """The state of the account, and how the server behaves."""

    latency_s: float = 0.0
    quota: int = 0
    rules: list[Rule] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    throttled: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)
    second: tuple[int, int] = (0, 0)

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
