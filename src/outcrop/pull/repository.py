"""Models from a Hugging Face hub: which files of a repository are wanted, and how they become one GGUF file.

Knows nothing of the catalog. Nothing that is fetched is executed: GGUF and safetensors only, never a pickle.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..convert import convert
from .download import Progress, PullError, RemoteFile, fetch

SPEC = re.compile(r"hf:(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?(?::(?P<file>.+))?")

PREFERRED = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_K_S", "Q4_0", "MXFP4", "F16", "BF16", "F32")
"""Which packing is taken where a repository has several: nearly lossless first, then smaller, then larger."""

FOLDER_FILES = (
    "config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json",
    "generation_config.json", "chat_template.jinja", "model.safetensors.index.json",
)  # fmt: skip
"""What the converter reads beside the weights."""

WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")
SHARD = re.compile(r"-\d{5}-of-\d{5}(?=\.gguf$)")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")

SPACE_MARGIN = 64 << 20
"""Bytes that must stay free beyond what is fetched."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What lies on the disk now. `path` is the GGUF file (the first of a split one), `mmproj` a vision projector."""

    repo: str
    revision: str
    path: Path
    mmproj: Path | None = None
    converted: bool = False


def pull(spec: str, home: Path, progress: Progress, endpoint: str | None = None) -> Pulled:
    """Fetch `hf:ORG/REPO[@REVISION][:FILE]` into home/models/ORG--REPO; FILE may be a packing, such as Q4_K_M.

    A GGUF file is taken where the repository has one, else its safetensors are fetched and converted to Q8_0 (they
    stay: training needs them). HF_ENDPOINT and HF_TOKEN are honoured. PullError says what went wrong; a further call
    continues where this one stopped. Blocks: run it in a thread.
    """
    repo, revision, wanted = _parse(spec)
    with _explained(repo):
        commit, files = _list(repo, revision, endpoint)
        chosen = choose(files, wanted)
        folder = home / "models" / repo.replace("/", "--")
        folder.mkdir(parents=True, exist_ok=True)
        _check_space(folder, chosen)
        paths = {file.name: fetch(file, folder / file.name, progress) for file in chosen}
    first = next(iter(paths))
    if first.endswith(".gguf"):
        projector = next((path for name, path in paths.items() if _is_projector(name)), None)
        return Pulled(repo, commit, paths[first], projector)
    return Pulled(repo, commit, _converted(folder, repo), converted=True)


def _parse(spec: str) -> tuple[str, str, str | None]:
    found = SPEC.fullmatch(spec)
    if not found or ".." in spec:
        raise PullError(f"{spec!r} cannot be pulled: write hf:ORG/REPO, hf:ORG/REPO:FILE or hf:ORG/REPO:Q4_K_M.")
    return found["repo"], found["revision"] or "main", found["file"]


def _list(repo: str, revision: str, endpoint: str | None) -> tuple[str, dict[str, RemoteFile]]:
    """The commit that the revision stands for, and its files by name."""
    from huggingface_hub import HfApi, hf_hub_url

    info = HfApi(endpoint=endpoint).model_info(repo, revision=revision, files_metadata=True)
    commit = info.sha or revision
    files = {}
    for sibling in info.siblings or []:
        url = hf_hub_url(repo, sibling.rfilename, revision=commit, endpoint=endpoint)
        lfs: Any = sibling.lfs
        sha256 = lfs.sha256 if lfs else None
        # A large file's git blob is only its pointer.
        blob = None if lfs else sibling.blob_id
        files[sibling.rfilename] = RemoteFile(url, sibling.rfilename, sibling.size or 0, sha256, blob)
    return commit, {name: file for name, file in files.items() if _is_safe(name)}


def _is_safe(name: str) -> bool:
    """Whether a name stays inside the folder it is put in."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name and "\0" not in name


def choose(files: dict[str, RemoteFile], wanted: str | None) -> list[RemoteFile]:
    """The files to fetch, the model's own (or its first part) first. PullError lists what there is when unclear."""
    models = _groups(name for name in files if name.endswith(".gguf") and not _is_projector(name))
    if wanted:
        return [files[name] for name in _named(files, models, wanted)]
    if models:
        return [files[name] for name in [*models[_preferred(models, files)], *_projector(files)]]
    return _safetensors(files)


def _groups(names: Iterator[str]) -> dict[str, list[str]]:
    """GGUF files by name without shard numbers: all parts of a split model together, in order."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(SHARD.sub("", name), []).append(name)
    return groups


def _is_projector(name: str) -> bool:
    return "mmproj" in name.lower() and name.endswith(".gguf")


def _projector(files: dict[str, RemoteFile]) -> list[str]:
    """The vision projector to go with a model: the one there is, F16 before others."""
    found = sorted(filter(_is_projector, files), key=lambda name: (not _packed_as(name, "F16"), name))
    return found[:1]


def _packed_as(name: str, packing: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9]){re.escape(packing)}(?![A-Za-z0-9_])", name, re.IGNORECASE) is not None


def _preferred(models: dict[str, list[str]], files: dict[str, RemoteFile]) -> str:
    if len(models) == 1:
        return next(iter(models))
    for packing in PREFERRED:
        found = [name for name in models if _packed_as(name, packing)]
        if len(found) == 1:
            return found[0]
        if found:
            break
    raise PullError(f"Several models are here; name one after a colon:\n{_listing(models, files)}")


def _named(files: dict[str, RemoteFile], models: dict[str, list[str]], wanted: str) -> list[str]:
    if wanted in files and SHARD.sub("", wanted) in models:
        return models[SHARD.sub("", wanted)]
    if wanted.endswith(PICKLES):
        raise PullError(f"{wanted} is a pickle, which can run code when it is read; Outcrop never opens one.")
    found = [name for name in models if name == wanted or _packed_as(name, wanted)]
    if len(found) != 1:
        what = "Several files match" if found else "No GGUF file here is called"
        raise PullError(f"{what} {wanted}; there are:\n{_listing(models, files) or '  no GGUF files at all'}")
    return [*models[found[0]], *_projector(files)]


def _listing(models: dict[str, list[str]], files: dict[str, RemoteFile]) -> str:
    sizes = {name: sum(files[part].size for part in parts) for name, parts in models.items()}
    return "\n".join(f"  {name}  ({size / 1e9:.2f} GB)" for name, size in sizes.items())


def _safetensors(files: dict[str, RemoteFile]) -> list[RemoteFile]:
    weights = [name for name in sorted(files) if WEIGHTS.fullmatch(name)]
    if not weights and any(name.endswith(PICKLES) for name in files):
        raise PullError("Only pickles are here, which can run code when they are read; Outcrop never opens one.")
    if not weights or "config.json" not in files:
        raise PullError("Neither a GGUF file nor a model in safetensors with its config.json is here.")
    # The small files first: what is wrong with them is known before gigabytes are fetched.
    return [files[name] for name in [*(name for name in FOLDER_FILES if name in files), *weights]]


def _check_space(folder: Path, chosen: list[RemoteFile]) -> None:
    """PullError unless the files, and the GGUF file made of them, fit beside what is there."""
    missing = [file for file in chosen if not (folder / file.name).is_file()]
    parts = sum(path.stat().st_size for path in folder.rglob(".*.part"))
    needed = sum(file.size for file in missing) - parts
    if not chosen[0].name.endswith(".gguf"):  # Q8_0 takes 8.5 bits where the original mostly takes 16
        needed += sum(file.size for file in chosen) * 9 // 16
    free = shutil.disk_usage(folder).free
    if free < needed + SPACE_MARGIN:
        raise PullError(f"{folder} needs {needed / 1e9:.2f} GB, {free / 1e9:.2f} GB are free there.")


def _converted(folder: Path, repo: str) -> Path:
    out = folder / f"{repo.partition('/')[2]}-Q8_0.gguf"
    weights = [*folder.glob("model*.safetensors"), folder / "config.json", folder / "tokenizer.json"]
    newest = max(path.stat().st_mtime for path in weights if path.is_file())
    if out.is_file() and out.stat().st_mtime > newest:
        return out
    try:
        return convert(folder, out)
    except ValueError as error:
        raise PullError(f"{repo} was fetched but cannot be converted: {error}") from error


@contextmanager
def _explained(repo: str) -> Iterator[None]:
    """The hub's and the network's errors as PullError in a line or two."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise PullError(f"{repo} is gated: ask for access on its page, then set HF_TOKEN to your token.") from error
    except errors.RevisionNotFoundError as error:
        raise PullError(f"{repo} has no such revision.") from error
    except errors.RepositoryNotFoundError as error:
        raise PullError(f"{repo} is not there, or is private and HF_TOKEN does not open it.") from error
    except errors.HFValidationError as error:
        raise PullError(f"{repo}: {error}") from error
    except errors.HfHubHTTPError as error:
        raise PullError(f"The hub answered for {repo}: {str(error).splitlines()[0]}") from error
    except (httpx2.TransportError, errors.OfflineModeIsEnabled) as error:
        raise PullError(f"The hub cannot be reached: {error}") from error
