"""botocore's errors in one or two lines, with the next act.

in   whatever a call raised
out  `describe(error)` → DeployError, or None for a bug of ours; `errors_while()` does it around a block

Told by class name and error code, so that this module needs no botocore.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from ..base import secrets
from ..base.errors import BuildError, DeployError

TRUST_POLICY = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", '
    '"Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}'
)
SIGN_IN = "Sign in again: aws sso login (or aws login), with the same --profile or AWS_PROFILE."

CREDENTIALS = (
    "Look at what the profile names (aws configure list): a credential_process has to print one JSON document with "
    "credentials that are valid yet, a file has to be there."
)
TERMINAL = "The profile asks for a code (mfa_serial): run it at a terminal, or set AWS_SESSION_TOKEN and its two keys."
FOREIGN = "ResponseParserError"
UNSENDABLE = "Invalid header value"
LONGEST = 2000  # characters of a sentence

# botocore's exceptions, most special first: class → (message, hint); {error} is botocore's own sentence
CLASSES = {
    "NoRegionError": (
        "No region is set.",
        "Set AWS_REGION or AWS_DEFAULT_REGION, region in the profile, or region under [deploy].",
    ),
    "InvalidRegionError": ("{error}", "Correct AWS_DEFAULT_REGION, the profile's region, or region in lambda.toml."),
    "NoCredentialsError": (
        "No AWS credentials were found.",
        "Sign in (aws sso login, aws login), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    ),
    "PartialCredentialsError": ("The AWS credentials are incomplete: {error}", "Set the missing half, or AWS_PROFILE."),
    "CredentialRetrievalError": ("The AWS credentials could not be fetched: {error}", CREDENTIALS),
    "ProfileNotFound": ("{error}.", "Correct AWS_PROFILE; aws configure list-profiles names those that exist."),
    "ConfigParseError": ("{error}.", "Mend that file."),
    "ConfigNotFound": ("{error}.", "Correct AWS_CONFIG_FILE."),
    "UnauthorizedSSOTokenError": ("The SSO session has expired or is invalid.", SIGN_IN),
    "SSOTokenLoadError": ("There is no SSO session: {error}.", SIGN_IN),
    "TokenRetrievalError": ("The SSO session could not be renewed: {error}.", SIGN_IN),
    "LoginRefreshRequired": ("The login session has expired.", SIGN_IN),
    "LoginTokenLoadError": ("There is no login session: {error}.", SIGN_IN),
    "LoginError": ("The login session cannot be used: {error}.", SIGN_IN),
    "SSOError": ("SSO failed: {error}.", SIGN_IN),
    "MetadataRetrievalError": ("The machine's own credentials could not be fetched: {error}.", "Set AWS_PROFILE."),
    "EndpointConnectionError": (
        "{error}",
        "Look at the network and the proxy, at the region's name, and at AWS_ENDPOINT_URL if it is set.",
    ),
    "ConnectTimeoutError": ("{error}.", "Look at the network and the proxy; then run the same command again."),
    "ReadTimeoutError": ("{error}.", "Run the same command again: it goes on where this one stopped."),
    "ProxyConnectionError": ("{error}.", "Look at HTTPS_PROXY and NO_PROXY."),
    "SSLError": ("{error}.", "Look at AWS_CA_BUNDLE and at the proxy's certificate."),
    "HTTPClientError": ("{error}.", "Look at the network and at HTTPS_PROXY; then run the same command again."),
    "IncompleteReadError": ("AWS's answers are cut short: {error}.", "Look at the network and the proxy."),
    "MissingDependencyException": (
        "{error}.",
        "Install it beside boto3: pip install 'botocore[crt]'; or sign in by SSO.",
    ),
    FOREIGN: ("The answer is not AWS's: {error}", "Look at AWS_ENDPOINT_URL and at the proxy."),
    "ParamValidationError": ("{error}", "Correct the table aws of this function in lambda.toml."),
    "UnknownServiceError": ("{error}.", "Install a newer boto3: pip install -U boto3, or ./setup.sh in a clone."),
    "EndpointProviderError": ("{error}.", "Look at AWS_DEFAULT_REGION and AWS_ENDPOINT_URL."),
    "BotoCoreError": ("{error}", "Look at the AWS settings of this machine: aws configure list"),
}

# error codes of AWS: code → hint; the message is always AWS's own
CODES = {
    "AccessDenied": "Allow this action to the credentials in use (aws sts get-caller-identity says whose they are).",
    "ExpiredToken": SIGN_IN,
    "UnrecognizedClient": "The access key is unknown to AWS: look at AWS_PROFILE, AWS_ACCESS_KEY_ID and the region.",
    "InvalidClientTokenId": "The access key is unknown to AWS: look at AWS_PROFILE and AWS_ACCESS_KEY_ID.",
    "InvalidAccessKeyId": "The access key is unknown to AWS: look at AWS_PROFILE and AWS_ACCESS_KEY_ID.",
    "InvalidSignature": "Set this machine's clock; if it is right, the secret key is wrong.",
    "SignatureDoesNotMatch": "The secret key is wrong, or this machine's clock is.",
    "RequestExpired": "Set this machine's clock.",
    "RequestTimeTooSkewed": "Set this machine's clock.",
    "IncompleteSignature": "The secret key is wrong.",
    "OptInRequired": "Enable the region, or the service, for this account.",
    "TooManyRequests": "Wait a minute and run the same command again; it goes on where this one stopped.",
    "Throttling": "Wait a minute and run the same command again; it goes on where this one stopped.",
    "RequestEntityTooLarge": "Set s3_bucket under [deploy] in lambda.toml: larger zips travel through S3.",
    "CodeStorageExceeded": "Delete old versions: doit prune",
    "CodeVerificationFailed": "The function demands signed code, and this zip is not signed.",
    "InvalidCodeSignature": "The function demands signed code, and this zip's signature is not valid.",
    "NoSuchBucket": "Create the bucket, in the function's region, or correct s3_bucket in lambda.toml.",
    "301": "The bucket is in another region: s3_bucket must be in the function's own.",
    "PermanentRedirect": "The bucket is in another region: s3_bucket must be in the function's own.",
    "AuthorizationHeaderMalformed": "The bucket is in another region: s3_bucket must be in the function's own.",
    "ResourceConflict": "Another change of this function is in progress; run the same command again.",
    "PreconditionFailed": "The function was changed by somebody else; run the same command again.",
    "ResourceNotFound": "Deploy the function first: doit deploy",
    "ResourceNotReady": "Run the same command again.",
    "InvalidParameterValue": "Correct the setting that AWS names in lambda.toml.",
    "Validation": "Correct the setting that AWS names in lambda.toml.",
    "KMSAccessDenied": "Allow kms:Decrypt on the function's key to the credentials in use.",
    "Service": "AWS had an error of its own; run the same command again.",
    "InternalError": "AWS had an error of its own; run the same command again.",
    "ServiceUnavailable": "AWS had an error of its own; run the same command again.",
}
DROPPED_ENDINGS = ("FaultException", "Exception", "Fault")


def code(error: BaseException) -> str:
    """The code of an error that AWS answered with, without the ending Exception; else the empty string."""
    response = getattr(error, "response", None)
    found = str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
    for ending in DROPPED_ENDINGS:
        if found.endswith(ending) and found != ending:
            return found.removesuffix(ending)
    return found


def sentence_of(error: BaseException) -> str:
    """AWS's own sentence, without what it quotes of secrets."""
    response = getattr(error, "response", None)
    sentence = response.get("Error", {}).get("Message", "") if isinstance(response, dict) else ""
    return secrets.clean(str(sentence or error).strip(), foreign=True)


def missing(error: BaseException) -> bool:
    """True if AWS says that the thing asked for does not exist."""
    headless = getattr(error, "operation_name", "") == "HeadObject"  # an answer to HEAD has no code but its status
    return code(error) in ({"404"} if headless else {"ResourceNotFound", "NoSuchEntity"})


def status(error: BaseException) -> int:
    """The HTTP status of an error that AWS answered with, else 0."""
    response = getattr(error, "response", None)
    metadata: dict[str, Any] = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
    return int(metadata.get("HTTPStatusCode", 0) or 0)


def describe(error: BaseException) -> DeployError | None:
    """The DeployError for what botocore raised; None if it is no error of botocore or AWS."""
    if hasattr(error, "response") and hasattr(error, "operation_name"):
        kind = code(error) or "an error without a code"
        if sentence_of(error).startswith("<"):
            return DeployError(f"The answer is not AWS's, but a web page (HTTP {status(error)}).", CLASSES[FOREIGN][1])
        message = f"AWS refused {error.operation_name}: {_line(sentence_of(error))} ({kind}, HTTP {status(error)})"
        hint = CODES.get(kind) or _hint_of_status(status(error))
        if kind == "301" and not error.operation_name.endswith("Object"):  # S3 alone sends its clients elsewhere
            hint = CLASSES[FOREIGN][1]
        if "cannot be assumed by Lambda" in message:
            hint = f"Its trust policy must be {TRUST_POLICY}"
        return DeployError(message, hint)
    if UNSENDABLE in str(error):  # botocore shows the header, and with it the session token
        return DeployError(
            "The AWS credentials have a character that no request can carry, such as a line break at the end.",
            "Set AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN anew, or correct them in the profile.",
        )
    for base in type(error).__mro__:
        if base.__name__ in CLASSES and base.__module__.startswith(("botocore", "boto3")):
            message, hint = CLASSES[base.__name__]
            return DeployError(message.format(error=_line(str(error)).rstrip(".")), hint)
    return _of_settings(error)


def _hint_of_status(number: int) -> str:
    """The next act where AWS's code is none that we know."""
    if number == HTTPStatus.TOO_MANY_REQUESTS:
        return CODES["TooManyRequests"]
    if number >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return CODES["Service"]
    return "Mend what AWS names; then run the same command again."


def _of_settings(error: BaseException) -> DeployError | None:
    """What botocore raises of Python's own errors when the settings of the machine are wrong."""
    inside = _modules_of_botocore(error)
    if "botocore.credentials" in inside and not isinstance(error, MemoryError):
        told = _line(str(error)).rstrip(".") or type(error).__name__
        return DeployError(
            f"The AWS credentials could not be read: {told}.", TERMINAL if isinstance(error, EOFError) else CREDENTIALS
        )
    if isinstance(error, ValueError) and inside:  # what parses an address has no other error
        told = _line(str(error)).rstrip(".")
        known = told if "endpoint" in told else f"An address cannot be read: {told}"
        return DeployError(f"{known}.", "Correct AWS_ENDPOINT_URL: http:// or https://, host and port; or the proxy's.")
    return None


def _modules_of_botocore(error: BaseException) -> set[str]:
    """The modules of botocore and boto3 from which it came; none where code of ours that they called has raised it."""
    found: set[str] = set()
    frame = error.__traceback__
    while frame is not None:
        name = str(frame.tb_frame.f_globals.get("__name__"))
        if name.startswith(("botocore.", "boto3.")):
            found.add(name)
        elif name.partition(".")[0] == __name__.partition(".")[0]:
            found.clear()
        frame = frame.tb_next
    return found


@contextmanager
def errors_while(hidden: Iterable[str] = ()) -> Iterator[None]:
    """Raise botocore's errors inside the block as DeployError; `hidden` values are in none of them."""
    secrets.keep(hidden)
    try:
        yield
    except BuildError:
        raise
    except Exception as error:
        found = describe(error)
        if found is None:
            raise
        if secrets.clean(str(error), foreign=True) != str(error):
            raise found from None  # the cause would show what is masked
        raise found from error


def _line(text: str) -> str:
    line = re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", secrets.clean(text, foreign=True)).strip()
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"  # whoever quotes a request quotes its zip
