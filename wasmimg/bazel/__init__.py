"""What Bazel asks of a tool, apart from the command line: one quiet call an action, or many by one process."""
