"""CHECK: judgements over values; each test_*.py holds one subject."""
