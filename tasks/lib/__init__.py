"""Plain libraries below the tasks: no doit here, and boto3, docker and elftools only where they are used.

base/, platform/            for all of them; Lambda's facts, each once, as data with a date
settings/                   lambda.toml: its keys, what a value may be, how it is read
sysroot/, elf/, loader/     the bytes of a tree; one ELF file; the libraries it loads
gate/                       what of a package is started, and whether that starts
package/, libs/             the zip; which libraries travel
room/                       one start in a room like Lambda, and what was asked for in vain
build/, engine/, builder    sources → executable, on this host or in a container
shim                        what stands before the program
check/, report/             any executable or zip judged, and shown to people
local/, aws/                functions run here; functions on AWS
"""
