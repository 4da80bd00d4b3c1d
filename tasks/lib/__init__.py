"""Plain libraries below the tasks: no doit here, and boto3, docker and elftools only where they are used."""
