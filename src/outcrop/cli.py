"""The command line: each command is a row that calls one function.

Knows nothing of how things are done; imports what a command needs when it runs, so that `outcrop env` is quick.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from . import __version__, config
from .errors import ServiceError

Arguments = argparse.Namespace


@dataclass(frozen=True)
class Command:
    """`words` as typed, a function of (settings, arguments), one line of help, and its arguments for argparse."""

    words: str
    run: Callable[[config.Settings, Arguments], int | None | Coroutine[Any, Any, int | None]]
    help: str
    arguments: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = ()


def arg(*names: str, **options: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    return names, options


# serve, env, status -------------------------------------------------------------------------------------------------


def serve(settings: config.Settings, args: Arguments) -> None:
    from . import app, logs, tls, wire
    from .server import serve as listen
    from .store.home import Home

    logs.setup_logging(settings)
    wire.auth.check_open(settings)
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
    from .environment import variables
    from .store.home import Home

    async with _keys(settings) as keys:
        print(await variables(settings, Home(settings.home), keys))


async def status(settings: config.Settings, args: Arguments) -> int:
    from .environment import status as ask
    from .store.home import Home

    async with _keys(settings) as keys:
        text, running = await ask(settings, Home(settings.home), keys)
    print(text)
    return 0 if running else 3


# keys ---------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _records(settings: config.Settings) -> Any:
    from .store.home import Home
    from .store.records import Records

    Home.open(settings.home)
    records = await Records.open(settings.database)
    try:
        yield records
    finally:
        await records.close()


@asynccontextmanager
async def _keys(settings: config.Settings) -> Any:
    from .keys import Keys

    async with _records(settings) as records:
        keys = await Keys.open(records, settings.home, settings.account_id)
        await keys.ensure_first()
        yield keys


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


COMMANDS: list[Command] = [
    Command("serve", serve, "start the service"),
    Command("env", env, "print the variables that point AWS SDKs here"),
    Command("status", status, "what runs and what it does"),
    Command(
        "keys create",
        keys_create,
        "make a key pair, or an API key",
        (
            arg("name"),
            arg("--kind", choices=("iam", "api-key"), default="iam"),
            arg("--expires", type=int, metavar="SECONDS"),
        ),
    ),
    Command("keys list", keys_list, "all keys"),
    Command("keys revoke", keys_revoke, "refuse a key for ever", (arg("id"),)),
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
