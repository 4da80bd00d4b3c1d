"""Lambda's limits in bytes, each once. Source: "Lambda quotas" in AWS's developer guide, November 2026.

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
LONGEST_S = 900  # seconds that an invocation may take


def fits_a_request(zip_bytes: int) -> bool:
    """True for a zip that can be uploaded without a bucket."""
    return zip_bytes <= DIRECT_ZIP_BYTES
