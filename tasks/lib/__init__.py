"""Plain libraries below the tasks: no doit here, and boto3, docker and elftools only where they are used.

config, settings, rules, reference     lambda.toml: read, its keys, what a value may be, what is written from that
sources, builders/                     sources → executable, on this host or in a container
elf/, linker/, gate/                   one ELF file; the libraries it loads; would the package start?
needed_libs, bundle, static_link       which libraries travel
shim, package, archive                 what stands before the program; what goes into the zip; the zip
check, zipped, tree, report…           any executable or zip judged, and shown to people
local/, aws/                           functions run here; functions on AWS
errors, files, processes               for all of them
"""
