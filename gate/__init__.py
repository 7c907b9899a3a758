"""The pytest plugin: options, one observation, the settle loop, items, exit codes. It alone joins the other rooms."""
