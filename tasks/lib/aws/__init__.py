"""Deploying: read, decide as data, act.

    session    connect() → one session, its clients made once and shared by all threads
    wire       request bodies that stream, answers that a network mangled
    reply      answers whose missing members are one sentence
    errors     botocore's errors → DeployError with the next act
    references values that lambda.toml names the place of
    deploy/    desired, remote → compare → plan (steps, as data) → apply (calls); upload, progress, outcome
    verbs/     handle: one function as the verbs see it; and one module a verb

Only session.connect() imports boto3.
"""
