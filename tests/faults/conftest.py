"""Files that are run, and not collected."""

# Processes of test_cut_short.py, test_full_disk.py, test_kill.py, test_memory.py and test_ranks.py.
collect_ignore = ["cut_short.py", "full_disk.py", "kills.py", "limited.py", "ranks.py"]
