"""Each wing has a page, and each of its exports a row on it."""

import re
from pathlib import Path

import pytest

from plait import balancing, fusion, modalities, modality_balancing, pretraining, sharing, tasks
from plait._catalogue import catalogue
from plait.balancing import Balancer
from plait.fusion import Fusion
from plait.modalities import Modality
from plait.modality_balancing import ModalityBalancer
from plait.pretraining import Contrast
from plait.sharing import Sharing
from plait.tasks import Task

ROOT = Path(__file__).parents[1]
PAGES = {
    "inputs": (modalities, Modality),
    "fusions": (fusion, Fusion),
    "sharing": (sharing, Sharing),
    "balancing": (balancing, Balancer),
    "tasks": (tasks, Task),
    "views": (modality_balancing, ModalityBalancer),
    "pretraining": (pretraining, Contrast),
}


@pytest.mark.parametrize("page", PAGES)
def test_each_export_has_a_row(page):
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| \[?`(\w+)`", text, re.MULTILINE))
    assert set(catalogue(*PAGES[page])) <= rows


def test_the_readme_names_each_input_and_counts_the_rest():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in catalogue(modalities, Modality))
    for page in ("fusions", "sharing", "balancing"):
        count = len(catalogue(*PAGES[page])) - 1
        assert re.search(rf"\[{count} more\]\(docs/{page}\.md\)", text), page
    count = len(catalogue(*PAGES["views"]))
    assert f"{count} methods" in text


def test_the_index_names_each_page():
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert set(re.findall(r"\]\((\w+\.md)\)", text)) == pages


def test_each_balancer_has_a_page_of_its_own():
    pages = {path.stem for path in (ROOT / "docs" / "balancing").glob("*.md")} - {"choosing"}
    assert pages == set(catalogue(balancing, Balancer)) - {"Sum", "Auto"}
    text = (ROOT / "docs" / "balancing.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(balancing/(\w+)\.md\)", text)) == {*pages, "choosing"}
