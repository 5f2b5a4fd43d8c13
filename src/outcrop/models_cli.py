"""What `outcrop models ...` and `outcrop pull` print.

Knows nothing of argument parsing: each function takes an open catalog and plain values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from . import adding
from .adding import Wish
from .catalog import Catalog, Model
from .columns import columns
from .pull import ProgressBar


async def add(catalog: Catalog, home: Path, source: str, wish: Wish) -> None:
    """`models add PATH|URL`."""
    print(_added(await adding.add(catalog, home, source, wish)))


async def pull(catalog: Catalog, home: Path, spec: str, wish: Wish) -> None:
    """`pull hf:ORG/REPO[:FILE]`."""
    print(_added(await adding.add_pulled(catalog, home, spec, wish, ProgressBar())))


async def show(catalog: Catalog) -> None:
    """`models list`."""
    snapshot = await catalog.snapshot()
    print(table(snapshot.models.values(), snapshot.aliases))


async def remove(catalog: Catalog, name: str) -> None:
    """`models rm NAME`: an added model with its aliases, or an alias."""
    if name in await catalog.aliases():
        await catalog.unalias(name)
        print(f"{name} is no alias any more.")
        return
    source = next((model.source for model in await catalog.list() if model.id == name), None)
    lost = await catalog.remove(name)
    print(f"{name} is not served any more" + (f", nor {', '.join(lost)}" if lost else "") + f". {source} stays.")


async def alias(catalog: Catalog, name: str, model_id: str) -> None:
    """`models alias NAME MODEL`."""
    target = await catalog.alias(name, model_id)
    print(f"{name} answers as {target}.")


def _added(model: Model) -> str:
    can = [] if model.task == "chat" else [model.task]
    can += [word for word, able in (("tools", model.tools), ("reasoning", model.reasoning)) if able]
    can += [modality.lower() for modality in model.input_modalities if modality != "TEXT"]
    abilities = f" ({', '.join(can)})" if can else ""
    return f"{model.id} is served from {model.source}: {model.context_length} tokens of context{abilities}."


HEADINGS = ("ID", "NAME", "KIND", "CONTEXT", "PARAMETERS", "SIZE", "SOURCE")


def table(models: Iterable[Model], aliases: Mapping[str, str]) -> str:
    """One line a model, one below it for each of its aliases."""
    rows: list[tuple[str, ...]] = [HEADINGS]
    for model in models:
        rows.append(_row(model))
        rows += [(f"  = {name}",) for name, target in aliases.items() if target == model.id]
    return columns(rows)


def _row(model: Model) -> tuple[str, ...]:
    numbers = (_short(model.parameters), _short(model.size_bytes) + "B" if model.size_bytes else "")
    return (model.id, model.name, model.kind, str(model.context_length), *numbers, model.source)


def _short(number: int) -> str:
    """1,234,567 as 1.2M; nothing for what is not known."""
    unit, size = next(((u, s) for u, s in (("G", 1e9), ("M", 1e6), ("k", 1e3)) if number >= s), ("", 1))
    return f"{number / size:.1f}{unit}" if number else ""
