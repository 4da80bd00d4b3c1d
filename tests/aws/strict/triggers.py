"""What invokes a function: EventBridge's rules, event source mappings, S3's notifications and HTTP APIs."""

from __future__ import annotations

import time
import urllib.parse
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import Any

from tests.aws.strict.answers import ACCOUNT, PREFIX, REGION, Refusal, missing

Fields = dict[str, Any]


@dataclass
class Triggers:
    """`buckets` hold each a notification configuration: elements of XML, as they were put."""

    trigger_s: float = 0.02  # how long a mapping is being made or changed
    rules_: dict[str, Fields] = field(default_factory=dict)
    mappings: dict[str, Fields] = field(default_factory=dict)
    buckets: dict[str, list[str]] = field(default_factory=dict)
    apis: dict[str, Fields] = field(default_factory=dict)
    arn_tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def lets_in(self, arn: str, service: str, source: str) -> bool:
        """Whether the policy of the function with this ARN lets a source invoke it."""
        raise NotImplementedError

    # ---- EventBridge ----

    def bus(self, operation: str, body: Fields) -> Fields:  # noqa: C901, PLR0911 - a case an operation
        name = body.get("Rule") or body.get("Name", "")
        if operation == "PutRule":
            rule = self.rules_.setdefault(name, {"Name": name, "Targets": {}, "Tags": body.get("Tags", [])})
            rule |= {key: body[key] for key in ("ScheduleExpression", "State", "Description") if key in body}
            rule["Arn"] = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"
            return {"RuleArn": rule["Arn"]}
        if operation == "ListRules":
            found = [rule for rule in self.rules_.values() if rule["Name"].startswith(body.get("NamePrefix", ""))]
            hidden = {"Targets", "Tags"}
            return {"Rules": [{key: rule[key] for key in rule.keys() - hidden} for rule in found]}
        if operation == "ListTagsForResource":
            name = body["ResourceARN"].rpartition("/")[2]
        if name not in self.rules_:
            raise Refusal(400, "ResourceNotFoundException", f"Rule {name} does not exist.")
        rule = self.rules_[name]
        match operation:
            case "ListTagsForResource":
                return {"Tags": rule["Tags"]}
            case "PutTargets":
                rule["Targets"] |= {one["Id"]: one for one in body["Targets"]}
                return {"FailedEntryCount": 0, "FailedEntries": []}
            case "ListTargetsByRule":
                return {"Targets": list(rule["Targets"].values())}
            case "RemoveTargets":
                for one in body["Ids"]:
                    rule["Targets"].pop(one, None)
                return {"FailedEntryCount": 0, "FailedEntries": []}
            case "DeleteRule":
                if rule["Targets"]:
                    raise Refusal(400, "ValidationException", "Rule can't be deleted since it has targets.")
                del self.rules_[name]
                return {}
        raise Refusal(400, "UnknownOperationException", operation)

    # ---- mappings ----

    def mapping(self, method: str, path: str, query: dict[str, list[str]], body: Fields) -> Fields:
        one = path.rstrip("/").rpartition("event-source-mappings")[2].strip("/")
        if not one and method == "GET":
            wanted = query.get("FunctionName", [""])[0]
            found = [known for known in map(self._settled, list(self.mappings)) if known["FunctionArn"] == wanted]
            return {"EventSourceMappings": found}
        if not one:
            arn, queue = body["FunctionName"], body["EventSourceArn"]
            if any((known["FunctionArn"], known["EventSourceArn"]) == (arn, queue) for known in self.mappings.values()):
                raise Refusal(409, "ResourceConflictException", "An event source mapping already exists.")
            one = str(uuid.uuid4())
            self_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:{one}"
            self.mappings[one] = {"UUID": one, "EventSourceArn": queue, "EventSourceMappingArn": self_arn}
            self.arn_tags[self_arn] = dict(body.get("Tags", {}))
            return self._changed(one, body | {"FunctionArn": arn}, "Creating")
        if one not in self.mappings:
            raise missing("The resource you requested does not exist.")
        known = self._settled(one)
        if method == "GET":
            return known
        if known["State"] not in {"Enabled", "Disabled"}:
            raise Refusal(400, "ResourceInUseException", f"Cannot change it: it is {known['State']}.")
        return self._changed(one, body, "Updating" if method == "PUT" else "Deleting")

    def _changed(self, one: str, body: Fields, state: str) -> Fields:
        kept = ("BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes", "FilterCriteria")
        known = self.mappings[one]
        known |= {key: body[key] for key in (*kept, "ScalingConfig", "FunctionArn") if key in body}
        known.setdefault("BatchSize", 10)
        enabled = body.get("Enabled", known.get("_enabled", True))
        known |= {"State": state, "_enabled": enabled, "_busy": time.monotonic() + self.trigger_s}
        return known

    def _settled(self, one: str) -> Fields:
        known = self.mappings[one]
        if time.monotonic() >= known["_busy"]:
            if known["State"] == "Deleting":
                del self.mappings[one]
                return known | {"FunctionArn": "gone"}
            known["State"] = "Enabled" if known["_enabled"] else "Disabled"
        return known

    # ---- S3 ----

    def s3(self, method: str, path: str, query: str, raw: bytes) -> str:
        bucket = urllib.parse.unquote(path.strip("/"))
        if bucket not in self.buckets:
            raise Refusal(404, "NoSuchBucket", "The specified bucket does not exist")
        if "notification" not in query:
            raise Refusal(400, "InvalidRequest", f"{method} {path}?{query}")
        if method == "GET":
            inner = "".join(self.buckets[bucket])
            return f"<NotificationConfiguration>{inner}</NotificationConfiguration>"
        elements = [_plain(one) for one in ET.fromstring(raw)]
        for one in elements:
            arn = one.findtext("CloudFunction")
            if arn and not self.lets_in(arn, "s3.amazonaws.com", f"arn:aws:s3:::{bucket}"):
                raise Refusal(400, "InvalidArgument", "Unable to validate the following destination configurations")
        places = [(one.tag, _filter(one)) for one in elements if one.tag.startswith("CloudFunction")]
        if len(places) != len(set(places)):
            raise Refusal(400, "InvalidArgument", "Configurations overlap.")
        self.buckets[bucket] = [ET.tostring(one, encoding="unicode") for one in elements]
        return ""

    # ---- API Gateway ----

    def apigateway(self, method: str, path: str, body: Fields) -> Fields | None:  # noqa: PLR0911 - the API's size
        parts = path.strip("/").split("/")[2:]  # v2/apis/…
        if not parts and method == "GET":
            return {"items": list(self.apis.values())}
        if not parts:
            one = uuid.uuid4().hex[:10]
            shown = {key: body[key] for key in ("name", "protocolType", "tags") if key in body}
            more = {"apiId": one, "apiEndpoint": f"https://{one}.execute-api.{REGION}.amazonaws.com"}
            self.apis[one] = (
                shown | more | {"createdDate": f"2026-11-28T07:00:{len(self.apis):02}Z", "_target": body["target"]}
            )
            route = {"routeId": "$default", "routeKey": "$default", "target": "integrations/i"}
            self.apis[one] |= {"_routes": {"$default": route}, "_stages": {"$default": {"stageName": "$default"}}}
            return self.apis[one]
        if parts[0] not in self.apis:
            raise Refusal(404, "NotFoundException", f"Invalid API identifier specified {parts[0]}")
        known = self.apis[parts[0]]
        if parts[1:] == ["integrations"] and method == "POST":
            known["_target"] = body["integrationUri"]
            return {"integrationId": "i"}
        if parts[1:] == ["integrations"]:
            return {"items": [{"integrationId": "i", "integrationUri": known["_target"]}] if known["_target"] else []}
        if parts[1:2] in (["routes"], ["stages"]):
            return self.part(known[f"_{parts[1]}"], method, parts[2:], body)
        if method == "PATCH":
            known["_target"] = body.get("target", known["_target"])
        elif method == "DELETE":
            del self.apis[parts[0]]
            return None
        return known

    def part(self, there: dict[str, Fields], method: str, named: list[str], body: Fields) -> Fields:
        """Routes, or stages."""
        if method == "GET":
            return {"items": list(there.values())}
        name = named[0] if named else str(body.get("routeKey") or body["stageName"])
        if method == "POST" and name in there:
            raise Refusal(409, "ConflictException", f"{name} already exists")
        there[name] = there.get(name, {}) | body | ({"routeId": name} if "routeKey" in body else {})
        return there[name]


def statement(body: Fields, arn: str) -> Fields:
    """A statement of a function's policy, as AddPermission makes it."""
    principal: Any = body["Principal"]
    conditions: Fields = {}
    if "SourceArn" in body:
        conditions["ArnLike"] = {"AWS:SourceArn": body["SourceArn"]}
    if "SourceAccount" in body:
        conditions["StringEquals"] = {"AWS:SourceAccount": body["SourceAccount"]}
    return {
        "Sid": body["StatementId"],
        "Effect": "Allow",
        "Principal": {"Service": principal} if principal.endswith("amazonaws.com") else principal,
        "Action": body["Action"],
        "Resource": arn,
    } | ({"Condition": conditions} if conditions else {})


def of_arn(arn: str) -> tuple[str, str]:
    """The function's name and its qualifier."""
    name, _, qualifier = arn.removeprefix(PREFIX).partition(":")
    return name, qualifier


def _plain(element: ET.Element) -> ET.Element:
    for one in element.iter():
        one.tag = one.tag.rpartition("}")[2]
    return element


def _filter(element: ET.Element) -> tuple[str, ...]:
    rules = [(rule.findtext("Name"), rule.findtext("Value")) for rule in element.iter("FilterRule")]
    return tuple(map(str, sorted(rules))) + tuple(sorted(str(one.text) for one in element.findall("Event")))
