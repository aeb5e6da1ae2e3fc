"""Files that are run, and not collected."""

collect_ignore = ["kills.py", "ranks.py"]  # processes of test_kill.py and test_ranks.py
