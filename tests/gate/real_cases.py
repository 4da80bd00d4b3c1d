"""The zips that are tried for real: programs, starts, packers, and what belongs together."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from tests.libs.test_bundle import root as root  # noqa: PLC0414 - the fixture
from tests.support import lacking, need

ALL = os.environ.get("GATE_ZIPS") == "all"
SAMPLE = 120
LOADER = "ld-linux-x86-64.so.2"
SOURCE = '#include <stdio.h>\n{more}\nint main(void) {{ {use} puts("ok"); return 0; }}\n'
OLD_START = """#include <stdlib.h>
int main(void);
void begin(void) { exit(main()); }
__asm__(".globl _start\\n_start: xor %ebp, %ebp\\n and $-16, %rsp\\n call begin\\n");
"""  # without __libc_start_main, which this machine's glibc gives the version GLIBC_2.34: programs for an older one
PROGRAMS = {  # its body, and gcc's options
    "plain": ("", "", []),
    "static": ("", "", ["-static"]),
    "newer": ("#include <stdlib.h>", "if (arc4random() == arc4random()) return 2;", []),
    "library": ("int foo(void);", "foo();", ["libfoo.so.1"]),
    "library now": ("int foo(void);", "foo();", ["libfoo.so.1", "-Wl,-z,now"]),
    "runpath": ("int foo(void);", "foo();", ["libfoo.so.1", "-Wl,-rpath,$ORIGIN/../lib"]),
}
STARTS = {  # the bootstrap's text; "" is the program itself
    "itself": "",
    "sh": "#!/bin/sh\nexec ./bin/prog\n",
    "cd": '#!/bin/sh\nset -eu\ncd "$(dirname "$0")"\nexec "$LAMBDA_TASK_ROOT/bin/prog" "$@"\n',
    "path": "#!/bin/sh\nexport LD_LIBRARY_PATH=$LAMBDA_TASK_ROOT/lib\nexec $LAMBDA_TASK_ROOT/bin/prog\n",
    "env": "#!/usr/bin/env sh\nexec env LD_LIBRARY_PATH=lib:other ./bin/prog\n",
    "loader": f"#!/bin/sh\nexec lib/{LOADER} --library-path $LAMBDA_TASK_ROOT/lib bin/prog\n",
    "absent": "#!/bin/sh\nexec ./bin/other\n",
    "carriage": "#!/bin/sh\r\nexec ./bin/prog\r\n",
    "ruby": "#!/usr/bin/env ruby\n",
}
LIBRARIES = ("whole", "none", "chain", "unreadable", "closed folder", "elsewhere", "other build", "with libc")
PACKERS = ("python", "zip", "7z", "archiver", "yazl")
NODE_PACKERS = ("archiver@7.0.1", "yazl@3.3.1")
NODE = """
const fs = require('node:fs'), path = require('node:path');
const [packer, folder, target] = process.argv.slice(2);
const out = fs.createWriteStream(target);
if (packer === 'archiver') {
  const archive = require('archiver')('zip');
  archive.pipe(out);
  archive.directory(folder, false);
  archive.finalize();
} else {
  const { ZipFile } = require('yazl');
  const archive = new ZipFile();
  archive.outputStream.pipe(out);
  const walk = (place, name) => {
    for (const entry of fs.readdirSync(place, { withFileTypes: true })) {
      const [file, inside] = [path.join(place, entry.name), path.join(name, entry.name)];
      if (entry.isDirectory()) walk(file, inside);
      else if (entry.isSymbolicLink())
        archive.addBuffer(Buffer.from(fs.readlinkSync(file)), inside, { mode: 0o120777 });
      else archive.addFile(file, inside);
    }
  };
  walk(folder, '');
  archive.end();
}
"""


@dataclass(frozen=True)
class Case:
    start: str
    program: str
    library: str
    packer: str


def cases() -> list[Case]:
    everything = [Case(*parts) for parts in product(STARTS, PROGRAMS, LIBRARIES, PACKERS)]
    return everything if ALL else random.Random(19).sample(everything, SAMPLE)


def installed_packers(folder: Path, script: str, packers: Iterable[str]) -> Path:
    """A script of Node beside the packers that it uses; nothing of them is run by the installation."""
    (folder / "pack.cjs").write_text(script)
    words = ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *packers]
    done = subprocess.run([need("npm"), *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        lacking(f"npm has no packers for us: {done.stderr[-200:]}")
    return folder / "pack.cjs"
