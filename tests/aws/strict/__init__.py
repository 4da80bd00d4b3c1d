"""A Lambda as strict as AWS's, on loopback: what moto cannot provoke.

409 while an update is in progress, 412 for a stale revision, immutable versions, published once for the same content,
a quota of calls a second; concurrency that GetFunction hides behind a qualifier; IAM with inline policies, STS and log
groups and ECR beside it. `rules` answer chosen calls in another way, or late.

answers    refusals and rules        function   one function        functions   its operations
beside     IAM and log groups        triggers   what invokes one    ecr         repositories
account    all of it, routed         server     over HTTP

python -m tests.aws.strict PORT [LATENCY_S] [UPDATE_S] [QUOTA] serves one until it is ended.
"""

from tests.aws.strict.account import Lambda
from tests.aws.strict.answers import Rule
from tests.aws.strict.function import Function
from tests.aws.strict.server import strict

__all__ = ["Function", "Lambda", "Rule", "strict"]
