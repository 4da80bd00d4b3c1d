"""Deploying: read, decide as data, act.

    client     connect() → one session, its clients made once and shared by all threads
    wanted     a function of lambda.toml and its package → Wanted, in AWS's own names
    remote     one GetFunction a function → Remote; more is read only where that differs
    compare    Wanted and a version → the changes between them, secrets masked
    plan       (Wanted, Remote) → steps; none = unchanged
    apply      steps → API calls, in the one order that leaves no live function broken
    upload     the zip's way: in the request, or through S3; memory bounded, progress by bytes
    deployment all functions of a run: asks in parallel, plans again when somebody else was quicker
    summary    what was done, for people and as JSON
    messages   botocore's errors → DeployError with the next act

    verbs      invoke, logs, versions (rollback, prune), url, role, destroy: one module each

No module here imports boto3 but client.connect(), and none imports doit.
"""
