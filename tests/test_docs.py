"""The documents say what is there: names in docs/request.md, files in ARCHITECTURE.md, settings, commands, links."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from outcrop.cli import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


def resolve(name: str) -> object:
    """The object that a dotted name under outcrop means."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(["outcrop", *parts[:cut]]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise AssertionError(f"outcrop.{name} does not exist")


def dotted_names(page: Path) -> list[str]:
    rooms = "|".join(path.stem for path in (ROOT / "src" / "outcrop").iterdir() if not path.name.startswith("_"))
    return sorted(set(re.findall(rf"`((?:{rooms})(?:\.\w+)+)`", page.read_text())))


@pytest.mark.parametrize("name", dotted_names(ROOT / "docs" / "request.md"))
def test_every_name_in_the_life_of_a_request_exists(name: str) -> None:
    resolve(name)


def test_the_life_of_a_request_names_enough() -> None:
    assert len(dotted_names(ROOT / "docs" / "request.md")) > 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_room_of_the_architecture_is_there() -> None:
    rooms = re.findall(r"^\| (.+?) \|", (ROOT / "ARCHITECTURE.md").read_text(), flags=re.MULTILINE)
    named = {name for row in rooms for name in re.findall(r"`([\w/]+(?:\.py)?)`", row)}
    there = [ROOT / "src" / "outcrop", ROOT]
    missing = [name for name in named if not any((place / name.rstrip("/")).exists() for place in there)]
    assert not missing


def test_no_room_is_left_out_of_the_architecture() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rooms = [path for path in (ROOT / "src" / "outcrop").iterdir() if not path.name.startswith("_")]
    missing = [path.name for path in rooms if f"`{path.name}" not in text and f"`{path.stem}/" not in text]
    assert not missing


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.words)
def test_every_command_explains_itself(command) -> None:
    words = [sys.executable, "-m", "outcrop", *command.words.split(), "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: outcrop {command.words}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_documents_exist(page: Path) -> None:
    known = {command.words for command in COMMANDS}
    groups = {words.split()[0] for words in known}
    for line in re.findall(r"(?:^|`|\$ |/)outcrop ([a-z][a-z -]*)", page.read_text(), flags=re.MULTILINE):
        words = line.split()
        if words[0] in groups or words[0] in known:
            assert words[0] in known or " ".join(words[:2]) in known, f"{page.name}: outcrop {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_in_the_documents_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for target in re.findall(r"(?:^|`| {4})make ([a-z-]+)", page.read_text(), flags=re.MULTILINE):
        assert target in targets, f"{page.name}: make {target}"


@pytest.mark.parametrize("tool", ["settings", "coverage", "shapes", "clients"])
def test_generated_pages_are_up_to_date(tool: str) -> None:
    subprocess.run([sys.executable, ROOT / "tools" / f"{tool}.py", "--check"], check=True)


def test_imports_point_one_way() -> None:
    subprocess.run([sys.executable, ROOT / "tools" / "imports.py"], check=True)
