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
from tests.aws.strict.triggers import Triggers, of_arn, statement


@dataclass
class Lambda(Functions, Beside, Ecr, Triggers):
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
            return self.tagged(method, urllib.parse.unquote(match[1]), query.get("tagKeys", []), body)
        if "/event-source-mappings" in path:
            return self.mapping(method, path, query, body)
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
        statements = found.statements.setdefault(qualifier or "", {})
        if one := re.fullmatch(r"/policy/(.+)", rest):
            if statements.pop(urllib.parse.unquote(one[1]), None) is None:
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
                if not statements:
                    raise missing("Policy")
                return {"Policy": json.dumps({"Statement": list(statements.values())}), "RevisionId": "1"}
            case "POST", "/policy":
                if body["StatementId"] in statements:
                    raise Refusal(409, "ResourceConflictException", "The statement id provided already exists.")
                made = statement(body, found.latest["FunctionArn"] + (f":{qualifier}" if qualifier else ""))
                statements[body["StatementId"]] = made
                return {"Statement": json.dumps(made)}
            case "GET", "/url" if found.url:
                return found.url
        raise missing(f"{method} {path}")

    def tagged(self, method: str, arn: str, keys: list[str], body: dict[str, Any]) -> dict[str, Any] | None:
        tags = self.arn_tags[arn] if arn in self.arn_tags else self.function(arn.split(":")[6]).tags
        if method == "POST":
            tags.update(body["Tags"])
        elif method == "DELETE":
            for key in keys:
                tags.pop(key, None)
        return {"Tags": tags} if method == "GET" else None

    def lets_in(self, arn: str, service: str, source: str) -> bool:
        name, qualifier = of_arn(arn)
        known = self.functions[name].statements.get(qualifier, {}) if name in self.functions else {}
        return any(
            one["Principal"] == {"Service": service} and one["Condition"]["ArnLike"]["AWS:SourceArn"] == source
            for one in known.values()
            if "Condition" in one
        )
