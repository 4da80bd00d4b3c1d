"""What may ask a function over HTTP, and what each of them cannot do.

Source, November 2026: AWS's guides, "Lambda quotas", "Configuring a response streaming function", "Lambda functions as
targets", "Quotas for API Gateway" (HTTP API 30 s; REST 29 s, more by quota), response streaming of REST APIs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response"  # of a stream: status and headers come before it


class FrontName(StrEnum):
    """A kind of front, in lambda.toml's word."""

    URL = "url"
    HTTP_API = "http-api"
    REST = "rest"
    ALB = "alb"
    LATTICE = "lattice"


class Front(NamedTuple):
    """One kind of front."""

    words: str
    principal: str  # who invokes, in the function's policy
    streams: bool
    longest_s: int | None = None  # seconds until it answers in the function's place
    more: str = ""  # how to get more than that


FRONTS = {
    FrontName.URL: Front("a function URL", "*", streams=True),
    FrontName.HTTP_API: Front("an HTTP API", "apigateway.amazonaws.com", streams=False, longest_s=30),
    FrontName.REST: Front(
        "a REST API", "apigateway.amazonaws.com", streams=True, longest_s=29, more=" (more by its quota)"
    ),
    FrontName.ALB: Front("a load balancer", "elasticloadbalancing.amazonaws.com", streams=False),
    FrontName.LATTICE: Front("VPC Lattice", "vpc-lattice.amazonaws.com", streams=False),
}
