"""The command line: each command is a row that calls one function.

Knows nothing of how things are done; imports what a command needs when it runs, so that `outcrop env` is quick.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import __version__, config
from .errors import ServiceError

Arguments = argparse.Namespace


@dataclass(frozen=True)
class Command:
    """`words` as typed, a function of (settings, arguments), one line of help, and its arguments for argparse."""

    words: str
    run: Callable[[config.Settings, Arguments], int | Coroutine[Any, Any, int | None] | None]
    help: str
    arguments: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = ()


def arg(*names: str, **options: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    return names, options


# serve, env, status -------------------------------------------------------------------------------------------------


def serve(settings: config.Settings, args: Arguments) -> None:
    from . import app, logs, tls
    from .server import serve as listen
    from .store.home import Home
    from .wire.auth import check_open

    logs.setup_logging(settings)
    check_open(settings)
    home = Home.open(settings.home)

    async def run() -> None:
        certificate = tls.ensure(settings.home, [settings.host]) if settings.tls_port else None
        async with app.open_services(settings) as services:
            _greet(settings)
            await listen(app.build(services), settings, certificate, lambda: services.telemetry.in_flight)

    with home.serving(settings.host, settings.port, settings.tls_port):
        _loop(run())


def _loop(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # not on Windows
        asyncio.run(main)
    else:
        uvloop.run(main)


def _greet(settings: config.Settings) -> None:
    tls = f" and https://{settings.host}:{settings.tls_port}" if settings.tls_port else ""
    print(
        f"Outcrop {__version__} on http://{settings.host}:{settings.port}{tls}\n"
        f'Connect any AWS SDK in another shell:  eval "$({sys.argv[0]} env)"\n'
        "then:  aws bedrock-runtime converse --model-id "
        f"{settings.model or 'MODEL'} --messages "
        """'[{"role":"user","content":[{"text":"Hello, my name is Ada."}]}]'""",
        flush=True,
    )


async def env(settings: config.Settings, args: Arguments) -> None:
    from .environment import client_lines, variables
    from .store.home import Home

    async with _keys(settings) as keys:
        await keys.ensure_first()
        here = settings, Home(settings.home), keys
        print(await (client_lines(*here, args.client) if args.client else variables(*here)))


async def status(settings: config.Settings, args: Arguments) -> int:
    from .environment import status as ask
    from .store.home import Home

    async with _keys(settings) as keys:
        text, running = await ask(settings, Home(settings.home), keys)
    print(text)
    return 0 if running else 3


# keys ---------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _records(settings: config.Settings) -> AsyncIterator[Any]:
    from .store.home import Home
    from .store.records import Records

    Home.open(settings.home)
    records = await Records.open(settings.database)
    try:
        yield records
    finally:
        await records.close()


@asynccontextmanager
async def _keys(settings: config.Settings) -> AsyncIterator[Any]:
    from .keys import Keys

    async with _records(settings) as records:
        yield await Keys.open(records, settings.home, settings.account_id)


async def keys_create(settings: config.Settings, args: Arguments) -> None:
    async with _keys(settings) as keys:
        new = await keys.create(args.name, args.kind, args.expires)
    print(f"{new.key.id}\n{new.secret}")


async def keys_list(settings: config.Settings, args: Arguments) -> None:
    from .environment import key_table

    async with _keys(settings) as keys:
        print(key_table(await keys.list()))


async def keys_revoke(settings: config.Settings, args: Arguments) -> None:
    async with _keys(settings) as keys:
        await keys.revoke(args.id)


# models, engines ----------------------------------------------------------------------------------------------------

WISH = (
    arg("--id", help="id to serve it under"),
    arg("--name", help="name for people"),
    arg("--provider", help="who made it"),
    arg("--context", type=int, metavar="TOKENS", help="context length to serve"),
    arg("--mmproj", type=Path, metavar="GGUF", help="vision projector"),
    arg("--family", help="whose body InvokeModel takes"),
    arg("--no-tools", dest="tools", action="store_const", const=False, help="refuse toolConfig"),
)
"""What a user may say of a new model; the rest is read from the model."""

REMOTE = (
    arg("--kind", help="engine kind of a URL: llama, vllm or openai"),
    arg("--served-name", help="model name that the server at the URL expects"),
    arg("--key", help="API key of the server at the URL"),
    arg("--vision", action="store_const", const=True, help="the server at the URL sees images"),
    arg("--copy", action="store_true", help="copy a GGUF file into the home folder"),
)


@asynccontextmanager
async def _catalog(settings: config.Settings) -> AsyncIterator[Any]:
    from .catalog import Catalog

    async with _records(settings) as records:
        yield Catalog(records, settings)


def _wish(args: Arguments) -> Any:
    from .adding import Wish

    return Wish(**{name: getattr(args, name) for name in Wish.__dataclass_fields__ if hasattr(args, name)})


async def models_add(settings: config.Settings, args: Arguments) -> None:
    from . import models_cli

    async with _catalog(settings) as catalog:
        await models_cli.add(catalog, settings.home, args.source, _wish(args))


async def pull(settings: config.Settings, args: Arguments) -> None:
    from . import models_cli

    async with _catalog(settings) as catalog:
        await models_cli.pull(catalog, settings.home, args.spec, _wish(args))


async def models_list(settings: config.Settings, args: Arguments) -> None:
    from . import models_cli

    async with _catalog(settings) as catalog:
        await models_cli.show(catalog)


async def models_rm(settings: config.Settings, args: Arguments) -> None:
    from . import models_cli

    async with _catalog(settings) as catalog:
        await models_cli.remove(catalog, args.id)


async def models_alias(settings: config.Settings, args: Arguments) -> None:
    from . import models_cli

    async with _catalog(settings) as catalog:
        await models_cli.alias(catalog, args.alias, args.target)


def engine_build(settings: config.Settings, args: Arguments) -> int:
    from .engines.build import build
    from .engines.toolchain import BuildFailed

    try:
        build(settings, source=args.source, jobs=args.jobs)
    except BuildFailed as error:
        print(f"outcrop: {error}", file=sys.stderr)
        return 1
    return 0


def engine_list(settings: config.Settings, args: Arguments) -> None:
    from .engines.choice import choose

    choice = choose(settings)
    print(choice.label + (f" ({choice.reason})" if choice.reason else ""))


# jobs ---------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _resources(settings: config.Settings) -> AsyncIterator[Any]:
    from .store.resources import Resources

    async with _records(settings) as records:
        yield Resources(records)


async def jobs_list(settings: config.Settings, args: Arguments) -> None:
    from . import jobs_cli

    async with _resources(settings) as resources:
        await jobs_cli.show_all(resources)


async def jobs_show(settings: config.Settings, args: Arguments) -> None:
    from . import jobs_cli

    async with _resources(settings) as resources:
        await jobs_cli.show(settings, resources, args.job)


async def jobs_watch(settings: config.Settings, args: Arguments) -> int:
    from . import jobs_cli

    async with _resources(settings) as resources:
        return await jobs_cli.watch(settings, resources, args.job)


async def jobs_stop(settings: config.Settings, args: Arguments) -> None:
    from . import jobs_cli
    from .environment import url
    from .store.home import Home

    home = Home(settings.home)
    async with _resources(settings) as resources, _keys(settings) as keys:
        pair = await keys.first()
        secrets = {"aws_access_key_id": pair.key.id, "aws_secret_access_key": pair.secret} if pair else {}
        address = url(settings, home) if home.server() else None
        await jobs_cli.stop(resources, args.job, address, {"region_name": settings.region, **secrets})


async def models_export(settings: config.Settings, args: Arguments) -> None:
    from . import jobs_cli

    async with _resources(settings) as resources:
        await jobs_cli.export(settings, resources, args.id, args.to, args.format)


# eval ---------------------------------------------------------------------------------------------------------------


async def eval_pebble(settings: config.Settings, args: Arguments) -> None:
    from .environment import PEBBLE, url
    from .evaluation.pebble import asking, scorecard
    from .store.home import Home

    async with _keys(settings) as keys:
        pair = await keys.first()
    secrets = {"aws_access_key_id": pair.key.id, "aws_secret_access_key": pair.secret} if pair else {}
    endpoint = args.endpoint or url(settings, Home(settings.home))
    if args.engine_url:
        ask = asking.engine(args.engine_url)
    else:
        ask = asking.converse(endpoint, settings.model or PEBBLE, region_name=settings.region, **secrets)
    given = {name: getattr(args, name) for name in scorecard.Wish.__dataclass_fields__}
    wish = scorecard.Wish(**{name: value for name, value in given.items() if value is not None})
    await asyncio.to_thread(scorecard.report, ask, wish)


COMMANDS: list[Command] = [
    Command("serve", serve, "start the service"),
    Command(
        "env",
        env,
        "print the variables that point AWS SDKs here, or the lines that point another client",
        (arg("--client", metavar="NAME", help="a client of docs/clients.md; an unknown name lists them"),),
    ),
    Command("status", status, "what runs and what it does"),
    Command(
        "keys create",
        keys_create,
        "make a key pair, or an API key",
        (
            arg("name"),
            arg("--api-key", dest="kind", action="store_const", const="api-key", default="iam", help="a bearer token"),
            arg("--expires", type=int, metavar="SECONDS"),
        ),
    ),
    Command("keys list", keys_list, "all keys"),
    Command("keys revoke", keys_revoke, "refuse a key for ever", (arg("id"),)),
    Command("models list", models_list, "models and aliases that are served"),
    Command(
        "models add",
        models_add,
        "serve a GGUF file, a folder of safetensors, or a server that speaks the OpenAI API",
        (arg("source", metavar="PATH|URL"), *WISH, *REMOTE),
    ),
    Command("models rm", models_rm, "stop serving a model, or drop an alias", (arg("id"),)),
    Command(
        "models alias",
        models_alias,
        "let a model answer under another id as well",
        (arg("alias", metavar="NAME"), arg("target", metavar="MODEL")),
    ),
    Command(
        "models export",
        models_export,
        "write the weights of a custom or imported model into a folder",
        (
            arg("id", metavar="MODEL", help="its name, id or ARN"),
            arg("--to", type=Path, metavar="FOLDER", required=True),
            arg("--format", choices=("safetensors", "gguf"), default="safetensors"),
        ),
    ),
    Command("jobs list", jobs_list, "all customization jobs, the newest first"),
    Command("jobs show", jobs_show, "what a job was asked, and how far it is", (arg("job"),)),
    Command("jobs watch", jobs_watch, "the progress of a job until it ends", (arg("job"),)),
    Command("jobs stop", jobs_stop, "ask a job to stop", (arg("job"),)),
    Command(
        "pull",
        pull,
        "download a model from a hub and serve it",
        (arg("spec", metavar="hf:ORG/REPO[:FILE]"), *WISH),
    ),
    Command(
        "engine build",
        engine_build,
        "compile llama-server for this machine and use it from then on",
        (
            arg("--source", type=Path, metavar="SDIST", help="a copy of the pinned source distribution"),
            arg("--jobs", type=int, default=0, help="processes to compile with; 0 means all cores"),
        ),
    ),
    Command("engine list", engine_list, "which engine runs models here, and why"),
    Command(
        "eval pebble",
        eval_pebble,
        "print the scorecard of a model through the Converse API of the running service",
        (
            arg("--endpoint", metavar="URL", help="another service than the one on this home"),
            arg("--engine-url", metavar="URL", help="a bare OpenAI-compatible server, in place of a service"),
            arg("--rows", metavar="NAMES", help="abilities, separated by commas; all without"),
            arg("--items", type=int, help="questions a figure (200)"),
            arg("--seed", type=int, help="draws other questions (2026)"),
            arg("--at-once", type=int, help="requests at a time (4)"),
            arg("--json", type=Path, metavar="FILE", help="write the figures there"),
            arg("--replies", type=Path, metavar="FILE", help="write every question with its reply there"),
        ),
    ),
]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. Errors that a person can act on are one line on stderr and exit status 1."""
    args = _parser().parse_args(argv)
    try:
        settings = config.load({name: getattr(args, name) for name in SETTINGS})
        done = args.run(settings, args)
        return (asyncio.run(done) if asyncio.iscoroutine(done) else done) or 0
    except (ServiceError, ValueError, OSError) as error:
        print(f"outcrop: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


SETTINGS = ("home", "host", "port", "tls_port", "auth", "region", "model", "engine", "log_level")
"""The settings that are also options of every command."""


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    for name in SETTINGS:
        help = config.Settings.__dataclass_fields__[name].metadata["help"]
        if name == "auth":
            common.add_argument("--no-auth", dest="auth", action="store_const", const=False, help=help)
        else:
            common.add_argument(f"--{name.replace('_', '-')}", dest=name, help=help)
    parser = argparse.ArgumentParser(prog="outcrop", description="Foundation models behind the Amazon Bedrock API.")
    parser.add_argument("--version", action="version", version=f"outcrop {__version__}")
    groups: dict[str, Any] = {"": parser.add_subparsers(required=True, metavar="COMMAND")}
    for command in COMMANDS:
        _add(groups, command, common)
    return parser


def _add(groups: dict[str, Any], command: Command, common: argparse.ArgumentParser) -> None:
    *group, word = command.words.split()
    name = " ".join(group)
    if name not in groups:
        groups[name] = groups[""].add_parser(name, help=f"{name} ...").add_subparsers(required=True, metavar="COMMAND")
    parser = groups[name].add_parser(word, help=command.help, parents=[common])
    for names, options in command.arguments:
        parser.add_argument(*names, **options)
    parser.set_defaults(run=command.run)
