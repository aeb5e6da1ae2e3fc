"""Files that are run, and not collected: processes of the tests beside them."""

collect_ignore = ["cut_short.py", "full_disk.py", "kills.py", "limited.py", "moved.py", "ranks.py"]
