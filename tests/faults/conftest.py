"""Files that are run, and not collected."""

# Processes of test_kill.py, test_memory.py and test_ranks.py.
collect_ignore = ["kills.py", "limited.py", "ranks.py"]
