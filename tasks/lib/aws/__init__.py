"""Deploying: read, decide as data, act.

    client     connect() → one session, its clients made once and shared by all threads
    wanted     a function of lambda.toml and its package → Wanted, in AWS's own names
    remote     one GetFunction a function → Remote; more is read only where that differs
    compare    Wanted and a version → the changes between them, secrets masked
    steps      the acts a deploy is made of, as data
    plan       (Wanted, Remote) → steps; none = unchanged
    apply      steps → API calls, in the one order that leaves no live function broken
    calls      one call, waited for while AWS says "not yet"
    upload     the zip's way: in the request, or through S3; memory bounded, progress by bytes
    deployment all functions of a run: asks in parallel, plans again when somebody else was quicker
    progress   a bar on a terminal, one line elsewhere
    summary    what was done, for people and as JSON
    messages   botocore's errors → DeployError with the next act

    place      one function as the verbs see it
    verbs      invoke, logs, versions (rollback, prune), url, role, destroy: one module each

No module here imports boto3 but client.connect(), and none imports doit.
"""
