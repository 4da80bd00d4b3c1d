"""Where things lie in a function's environment, by "Defined runtime environment variables" in AWS's developer guide.

The code is unpacked below TASK, layers below OPT; both can be read only, and belong to another user than ours.
"""

from __future__ import annotations

import re

TASK = "/var/task"  # LAMBDA_TASK_ROOT
OPT = "/opt"  # layers, merged
RUNTIME = "/var/runtime"  # LAMBDA_RUNTIME_DIR
USER = "sbx_user1051"  # whom the function runs as
HOME = f"/home/{USER}"  # which is not there
LIB = "lib"  # the folder of the zip that holds the libraries
DATA = "data-files"  # of the zip, too: a folder for each Haskell package that reads files at run time
BOOTSTRAP = "bootstrap"  # what a `provided` runtime starts: in the zip, else in a layer
RUN_JS, NODE_HANDLER = "run.js", "run.handle"  # our shim for Node runtimes, and how they call what it exports
SHIMS = (BOOTSTRAP, RUN_JS)
# system folders come before the function's own: a bundled library is shadowed by one of the runtime's
LIBRARY_PATH = "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
PROGRAM_PATH = "/usr/local/bin:/usr/bin/:/bin:/opt/bin"  # PATH
SYSTEM = ("/lib64/", "/usr/lib64/")  # where the runtime has its libraries
LINKS = {"/lib": "usr/lib", "/lib64": "usr/lib64", "/bin": "usr/bin", "/sbin": "usr/sbin"}  # of Amazon Linux
LOADER = re.compile(r"ld-[^/]*\.so[^/]*")  # file names of dynamic loaders: ld-linux-x86-64.so.2, ld-musl-x86_64.so.1
BUNDLED_LOADER = re.compile(rf"{LIB}/{LOADER.pattern}")  # in a zip that brings its C library
