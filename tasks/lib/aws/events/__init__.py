"""What invokes a function: schedules, queues and buckets, planned, shown and made like a deploy.

source      one trigger, as lambda.toml has it or as AWS has it, in the same words
schedules   rules of EventBridge            queues   event source mappings of SQS
buckets     notifications of S3             policy   the statements that let the services in
plan        (desired, there) → steps        wiring   read → plan → apply, and again until a read needs no step
notification  a bucket's configuration, the rest of it others'
patience    calls waited for                run      all functions of a run, in parallel
"""
