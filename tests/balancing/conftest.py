"""Files that are run, and not collected."""

collect_ignore = ["rank.py"]  # one of two processes of test_ranks.py
