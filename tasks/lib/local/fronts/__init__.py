"""The fronts of Lambda: what each makes of an HTTP request, and of a function's answer.

    request.py   one HTTP request, whoever received it
    forms.py     the words for them
    events.py    REST (1.0), HTTP API (2.0 and 1.0), function URL, ALB (single and multi-value), VPC Lattice (1 and 2)
    answers.py   the answer back to HTTP, by the rules of the front that asked; the prelude of a stream

Nothing here knows a socket: `doit local` and the tests of the shims use the same functions.
"""
