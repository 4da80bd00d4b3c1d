"""The forms of events and answers: one or two for each front, in the words of `doit local --as`."""

from __future__ import annotations

from enum import StrEnum


class Form(StrEnum):
    """What a front makes of a request."""

    URL = "url"
    HTTP_API = "http-api"
    HTTP_API_1 = "http-api-1.0"
    REST = "rest"
    ALB = "alb"
    ALB_MULTI = "alb-multi"
    LATTICE = "lattice"
    LATTICE_1 = "lattice-1"
