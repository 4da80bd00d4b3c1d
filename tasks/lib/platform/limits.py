"""Lambda's limits and what it gives by default, each once. Source: "Lambda quotas" in AWS's guide, November 2026.

Read by the rules of lambda.toml, the gate, the zip, `check`, the report, the upload, the emulator and both shims.
"""

from __future__ import annotations

EVENT_BYTES = 6_291_456  # of a synchronous event: 6 MiB
ANSWER_BYTES = 6_291_556  # of a buffered answer, as JSON after escaping and base64
STREAM_BYTES = 209_715_200  # of a streamed answer
UNZIPPED_BYTES = 262_144_000  # of the package, layers included
REQUEST_BYTES = 69_905_067  # of a whole request to the API
REQUEST_REST_BYTES = 32_768  # room in it for the other fields: at most 4 KB of environment, tags, ARNs
DIRECT_ZIP_BYTES = (REQUEST_BYTES - REQUEST_REST_BYTES) // 4 * 3  # of a zip that travels in the request, in base64
ENVIRONMENT_BYTES = 4096  # of names and values of all variables
LOG_TAIL_BYTES = 4096  # of an invocation's log, which Invoke gives back
LEAST_MEMORY_MB, MOST_MEMORY_MB = 128, 10_240  # of a function; the least is what AWS gives where none is named
LEAST_TMP_MB, MOST_TMP_MB = 512, 10_240  # of /tmp, likewise
DEFAULT_TIMEOUT_S, LONGEST_S = 3, 900  # seconds that an invocation may take, where none are named and at most
INIT_S = 10.0  # seconds that a program has until it asks for its first event; then the event's own clock runs
MOST_LAYERS = 5  # of a function


def fits_a_request(zip_bytes: int) -> bool:
    """True for a zip that can be uploaded without a bucket."""
    return zip_bytes <= DIRECT_ZIP_BYTES
