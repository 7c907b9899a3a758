"""The suite's plugins. The project's own tests have a pytest.ini of their own and do not load it."""

pytest_plugins = ("gate.plugin", "gate.dry_run")
