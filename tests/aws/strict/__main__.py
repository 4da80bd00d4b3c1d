"""python -m tests.aws.strict PORT [LATENCY_S] [UPDATE_S] [QUOTA] serves a strict Lambda until it is ended."""

from __future__ import annotations

import sys

from tests.aws.strict.account import Lambda
from tests.aws.strict.answers import TRUST
from tests.aws.strict.server import Server

words = [float(word) for word in sys.argv[2:]]
latency_s, update_s, quota = (*words, *(0.0, 0.3, 0.0)[len(words) :])
made = Lambda(latency_s=latency_s, update_s=update_s, quota=int(quota))
made.roles["hello"] = {"trust": TRUST, "policies": {}, "managed": []}
Server(made, int(sys.argv[1])).serve_forever()
