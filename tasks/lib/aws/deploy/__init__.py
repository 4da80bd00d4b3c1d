"""A deploy: what is desired, what is there, the steps between, and their application.

desired    a function of lambda.toml and its package → DesiredState, in AWS's own names
remote     one GetFunction a function → Remote; more is read only where that differs
compare    DesiredState and a version → the changes between them, in lambda.toml's words, secrets masked
steps      the acts a deploy is made of, as data
plan       (DesiredState, Remote) → steps; none = unchanged
apply      steps → API calls, in the one order that leaves no live function broken
calls      one call, waited for while AWS says "not yet"
upload     the zip's way: in the request, or through S3
registry   an image's way: pushed to ECR by the engine
reader     how much is read: one question for all at once, more only where that does not do
deployment all functions of a run, in parallel; plans again when somebody else was quicker
outcome    what was done, for people and as JSON
"""
