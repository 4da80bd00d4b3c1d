"""The forms of single values: names, ARNs and lists that Lambda or AWS prescribes, each with its words for people.

Source: AWS's API reference of Lambda, IAM, EC2, CloudWatch Logs (PutRetentionPolicy) and resource tagging.
"""

from __future__ import annotations

from ..platform.limits import LEAST_MEMORY_MB, LEAST_TMP_MB, LONGEST_S, MOST_LAYERS, MOST_MEMORY_MB, MOST_TMP_MB
from .rules import Flag, Text, Whole
from .tables import Many, Pairs, Shape

RETENTIONS = (
    *(0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
RESERVED_BY_LAMBDA = (
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
)
MOST_TAGS = 48  # of the 50 that AWS allows, two are the deploy's
OWN_TAGS = "haskell-on-lambda:"  # tags of this name are the deploy's memory, not the user's

PATH = Text(r"[^\x00\n]+", "a path")
VARIABLE = Text(r"[A-Za-z][A-Za-z0-9_]+", "a variable's name (a letter, then one or more letters, digits and _)")
VALUE = Text(r"[^\x00]*", "text")
ROLE = Text(
    r"arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9_+=,.@/-]+|[A-Za-z0-9_+=,.@-]{1,64}",
    "a role's name or its ARN (arn:aws:iam::123456789012:role/name)",
)
PACKAGES = Many(Text(r"[A-Za-z0-9][A-Za-z0-9+._:=~-]*", "a package's name"))
BUILD_ARGS_WITH_A_KEY = {  # arguments of ghc-centos/Dockerfile that lambda.toml's own keys set
    "BASE_IMAGE": "is set with base_image",
    **dict.fromkeys(("PACKAGES", "PACKAGES_APT", "PACKAGES_DNF"), "is set with packages"),
}
EXIT_NAMES = Pairs(
    Text(r"[1-9]\d?|1\d\d|2[0-4]\d|25[0-5]", "an exit code (1 to 255)"),
    Text(r"[A-Za-z][A-Za-z0-9_.]*", "an error's name (a letter, then letters, digits, _ and .)", 128),
)
LAYER = Text(
    r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:layer:[A-Za-z0-9_-]+:\d+|arn:[a-z0-9-]+:lambda:::awslayer:[A-Za-z0-9_-]+",
    "a layer version's ARN",
)
DEAD_LETTER = Text(r"|arn:aws[a-z-]*:(sqs|sns):[a-z0-9-]+:\d{12}:\S+", "the ARN of a queue or topic, or empty")
VPC = Shape(
    {
        "subnets": Many(Text(r"subnet-[0-9a-z]+", "a subnet's id"), 16),
        "security_groups": Many(Text(r"sg-[0-9a-zA-Z]+", "a security group's id"), 5),
        "ipv6": Flag(),
    },
    {"subnets": "SubnetIds", "security_groups": "SecurityGroupIds", "ipv6": "Ipv6AllowedForDualStack"},
)
TAG = Text(
    rf"(?!aws:|{OWN_TAGS})[\w .:/=+@-]{{1,128}}", f"a tag's name (1 to 128 characters, not aws:… nor {OWN_TAGS}…)"
)
TAG_VALUE = Text(r"[\w .:/=+@-]{0,256}", "a tag's value (at most 256 characters)")
ALIAS = Text(r"(?!\d+$)[A-Za-z0-9_-]{1,128}", "an alias's name")
FUNCTION_NAME = Text(r"[A-Za-z0-9_-]{1,64}", "1 to 64 letters, digits, - and _")
STAGE_NAME = Text(r"[A-Za-z0-9_-]{1,32}", "1 to 32 letters, digits, - and _")
NAME_ON_AWS = Text(
    r"([A-Za-z0-9_-]|\{function\}|\{stage\})+", "letters, digits, - and _, with {function} and {stage} filled in"
)
FLAG = Text(r"-?[A-Za-z_][A-Za-z0-9_-]*", "a flag's name, or its name after -")
CONSTRAINT = Text(
    r"(?:any\.|setup\.)?[A-Za-z0-9][A-Za-z0-9-]* *(?:[<>=^][^,\x00\n]*|installed|source)",
    'a constraint of cabal, such as "aeson <2.1"',
)
EXECUTABLE = Text(r"(?!\.{1,2}$)[^\x00\n/\\]+", "a file name", 200)
ACCOUNT = Text(r"\d{12}", "12 digits in quotes")
REGION = Text(r"(eusc-)?[a-z]{2}(-gov|-iso[a-z]?)?-[a-z]+-\d", "a region, such as eu-central-1")
BUCKET = Text(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "a bucket's name")
S3_PREFIX = Text(r"[A-Za-z0-9!_.*'()/-]{0,512}", "a prefix")
IMAGE_NAME = Text(r"[a-z0-9][a-zA-Z0-9._/:@-]*", "an image's name")
REPOSITORY = Text(
    r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*|\{function\})(?:[._/-](?:[a-z0-9]+|\{function\}))*",
    "a repository's name (small letters, digits, . _ - and /, with {function} filled in)",
    256,
)
NETWORK = Text(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", "a network's name")
MEMORY = Whole(LEAST_MEMORY_MB, MOST_MEMORY_MB, "MB")
TMP = Whole(LEAST_TMP_MB, MOST_TMP_MB, "MB")
TIMEOUT = Whole(1, LONGEST_S, "s")
LAYERS = Many(LAYER, MOST_LAYERS)
TAGS = Pairs(TAG, TAG_VALUE, most=MOST_TAGS)
