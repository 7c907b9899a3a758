"""The suite as a user meets it: a command line in a process of its own, its exit code, its words, its files."""
