"""`flask keys new-sealing-key`, `reseal` and `drop-sealing-key`: another sealing key in place of the present one.

The order keeps every process able to read: first each of them has the new key, then it seals, then
everything is moved to it, and the old one goes last.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import click

from mintmark import resealing
from mintmark.commands import command, get_ready_mint, occasion, refuse
from mintmark.errors import Busy, ConfigurationError, NotFound
from mintmark.instance import KeyFile
from mintmark.issue import Mint
from mintmark.models import Asset, OpenIDProvider, Secret, SigningKey, TrustedIssuer, db, writing
from mintmark.sealing import Sealer, SealingKey

commands = click.Group()
PAUSE_SECONDS = 0.02  # Others want to write too.
PATIENCE_SECONDS = 60.0
_MAX_BROKEN = 1000
_WORDS = {
    "secrets": "secret",
    "signing_keys": "signing key",
    "trusted_issuers": "issuer’s secret",
    "openid_providers": "client secret",
    "provider_sessions": "ID token",
}
_ALWAYS = ("secrets", "signing_keys")
_T = TypeVar("_T")


@command(commands, "new-sealing-key")
def new_sealing_key() -> None:
    """Make a sealing key. It seals nothing yet: it stands behind the present one, so that every node can have it.

    Where the keys come from MINTMARK_SEALING_KEY, the new one is printed, and nothing else to standard output.
    """
    mint = get_ready_mint()
    file = mint.settings.sealer.source
    if not isinstance(file, KeyFile):
        _print_key(mint.settings.sealer)
        return
    key_id = file.add()
    click.echo(f"The sealing key {key_id} is in {file.path}, behind {mint.settings.sealer.keys[0].key_id}.")
    click.echo("Keep a copy of that file apart from the backups of the database.")
    if not mint.settings.is_sqlite:
        click.echo("On other machines: put the same line at the end of their file sealing-key, and start them anew.")
    click.echo(f"Then let it seal: flask --app app keys reseal --to {key_id}")


def _print_key(sealer: Sealer) -> None:
    key, line = SealingKey.generate()
    click.echo(line)
    for step in (
        "1. Put it behind the others into MINTMARK_SEALING_KEY, after a comma, and start every node anew."
        f" Keep {key.key_id} apart from the backups of the database.",
        "2. When every node has it, put it in front; start every node anew.",
        "3. flask --app app keys reseal",
        f"4. Take {sealer.keys[0].key_id} out when that says so.",
    ):
        click.echo(step, err=True)


@command(commands, "reseal")
@click.option("--to", "key_id", metavar="ID", help="Put this sealing key first in the file of the instance folder.")
def reseal(key_id: str | None) -> None:
    """Move everything that is sealed to the first sealing key, while the site runs.

    Safe to stop at any moment and to run again. Every node must have that key already.
    """
    mint = get_ready_mint()
    sealer = mint.settings.sealer
    _put_first(sealer, key_id)
    moved, broken = dict.fromkeys(resealing.KINDS, 0), dict[str, list[str]]()
    deadline, in_use = time.monotonic() + PATIENCE_SECONDS, None
    while in_use is None:
        if _move_all(sealer, moved, broken):
            deadline = time.monotonic() + PATIENCE_SECONDS
        elif time.monotonic() > deadline:
            refuse("Some rows are being saved all the time. What was moved stays moved; run this again.")
        _repeat_fingerprints()
        in_use = _patiently(partial(_finish, mint, moved, broken))
        time.sleep(PAUSE_SECONDS)
    _say_moved(sealer, moved)
    for words in _broken_in_words(broken):
        click.echo(f"error: {words}", err=True)
    _say_what_may_go(sealer, in_use)
    if any(broken.values()):
        raise SystemExit(1)


def _put_first(sealer: Sealer, key_id: str | None) -> None:
    """Let the key seal that was named. Raises NotFound and ConfigurationError."""
    if key_id is None or key_id == sealer.keys[0].key_id:
        return
    if not isinstance(sealer.source, KeyFile):
        raise ConfigurationError(
            f"Put {key_id[:40]} in front of the others in MINTMARK_SEALING_KEY, on every node; then leave out --to."
        )
    sealer.source.put_first(key_id)
    sealer.look_again()


def _move_all(sealer: Sealer, moved: dict[str, int], broken: dict[str, list[str]]) -> int:
    """Move batch after batch until there is none; return how many rows that were."""
    total = 0
    for name, kind in resealing.KINDS.items():
        unopened = broken.setdefault(name, [])
        while True:
            batch = _patiently(partial(resealing.move_some, kind, unopened, sealer=sealer))
            moved[name] += batch.moved
            total += batch.moved
            unopened += batch.broken
            if len(unopened) > _MAX_BROKEN:
                refuse(
                    f"More than {_MAX_BROKEN:,} {name.replace('_', ' ')} do not open. Is one of the keys a wrong one?"
                )
            if not batch.moved and not batch.broken:
                break
            time.sleep(PAUSE_SECONDS)
    return total


def _finish(mint: Mint, moved: dict[str, int], broken: dict[str, list[str]]) -> set[str] | None:
    count = sum(map(len, broken.values()))
    return resealing.finish(moved, count, sealer=mint.settings.sealer, by=occasion(mint.clock()))


def _repeat_fingerprints() -> None:
    after = ""
    while page := resealing.fingerprints(after):
        db.session.rollback()  # No read transaction lasts while others write.
        if stale := [row for row in page if row[2] not in (None, row[1])]:
            _patiently(partial(resealing.repeat_fingerprints, stale))
            time.sleep(PAUSE_SECONDS)
        after = page[-1][0]
    db.session.rollback()


def _patiently(act: Callable[[], _T]) -> _T:
    """Act in a transaction of its own; where the database is busy, again for a while. Raises Busy."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with writing():
                return act()
        except Busy:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def _say_moved(sealer: Sealer, moved: dict[str, int]) -> None:
    first = sealer.keys[0].key_id
    if any(moved.values()):
        *some, last = [_count(moved[name], word) for name, word in _WORDS.items() if moved[name] or name in _ALWAYS]
        counts = f"{', '.join(some)} and {last}"
        click.echo(f"{counts} moved to the sealing key {first}. Fingerprints of secrets are others now.")
    else:
        click.echo(f"Nothing was left to move to the sealing key {first}.")


def _count(amount: int, word: str) -> str:
    return f"{amount:,} {word if amount == 1 else word + 's'}"


def _broken_in_words(broken: dict[str, list[str]]) -> list[str]:
    """Say which rows do not open, by what an administrator knows them by."""
    secrets, keys = broken.get("secrets", []), broken.get("signing_keys", [])
    paths = db.session.query(Asset.path).join(Secret, Secret.asset_id == Asset.id).filter(Secret.id.in_(secrets))
    ids = db.session.query(SigningKey.key_id).filter(SigningKey.id.in_(keys))
    words = "a secret of this asset, of now or before, does not open and was left as it is"
    found = [f"{path}: {words}" for (path,) in paths.distinct().order_by(Asset.path)]
    found += [f"{key_id}: this signing key does not open and was left as it is" for (key_id,) in ids]
    return found + _broken_sources(broken)


def _broken_sources(broken: dict[str, list[str]]) -> list[str]:
    found = []
    for section, kind, whose in (
        ("trusted_issuers", TrustedIssuer, "the secret of this trusted issuer"),
        ("openid_providers", OpenIDProvider, "the client secret of this OpenID provider"),
    ):
        names = db.session.query(kind.name).filter(kind.id.in_(broken.get(section, []))).order_by(kind.name)
        found += [f"{name}: {whose} does not open and was left as it is" for (name,) in names]
    if number := len(broken.get("provider_sessions", [])):
        found.append(f"{_count(number, 'ID token')} of sessions: left as they are, for they do not open")
    return found


def _say_what_may_go(sealer: Sealer, in_use: set[str]) -> None:
    others = [key.key_id for key in sealer.keys if key.key_id not in in_use]
    for key_id in [key.key_id for key in sealer.keys[1:] if key.key_id in in_use]:
        click.echo(f"Something is sealed with {key_id} still: leave it where it is.")
    for key_id in others:
        is_file = isinstance(sealer.source, KeyFile)
        how = f"flask --app app keys drop-sealing-key {key_id}" if is_file else "out of MINTMARK_SEALING_KEY"
        click.echo(f"Nothing is sealed with {key_id} any more; it may be taken out now: {how}")
    if others:
        click.echo("Keep a copy of it for as long as there are backups from before.")
        click.echo(
            "Once the site is started without it, people who signed in before the last start have to do so again."
        )


@command(commands, "drop-sealing-key")
@click.argument("key_id", metavar="ID")
def drop_sealing_key(key_id: str) -> None:
    """Take a sealing key out of the file of the instance folder, where nothing is sealed with it any more."""
    mint = get_ready_mint()
    file = mint.settings.sealer.source
    if not isinstance(file, KeyFile):
        raise ConfigurationError("The sealing keys come from MINTMARK_SEALING_KEY; take it out there.")
    if key_id not in [key.key_id for key in file.read()]:
        raise NotFound(f"There is no sealing key {key_id[:40]} in {file.path}.")
    _patiently(partial(_drop, file, key_id))
    click.echo(f"The sealing key {key_id} is no more in {file.path}.")


def _drop(file: KeyFile, key_id: str) -> None:
    """Nobody seals while it is counted and taken out. Raises ConfigurationError."""
    resealing.see_no_writer()
    if key_id in resealing.keys_in_use(db.session.connection()):
        raise ConfigurationError(f"Something is sealed with {key_id} still; run `flask --app app keys reseal` first.")
    file.take_out(key_id)
