"""`flask keys list`, `make`, `rotate`, `plan`, `revoke` and `public`: signing keys.

A private key comes from a file or standard input, its passphrase from standard input; neither ever
stands in an argument, in what is printed, or in an error.
"""

import os
import sys
from datetime import UTC, datetime

import click
from sqlalchemy import select
from sqlalchemy.orm import defer

from mintmark import keypairs
from mintmark.commands import command, get_ready_mint, occasion, refuse
from mintmark.errors import FieldError, NotFound
from mintmark.keypairs import KeyPair
from mintmark.keys.life import NEXT, PLANNED, SIGNING, state_of
from mintmark.models import SigningKey, db, writing
from mintmark.moment import iso
from mintmark.tokens import KEY_ALGORITHMS

commands = click.Group("keys", help="Signing keys, and the sealing key.")
_MAX_PASSPHRASE = 4096  # bytes; no key takes one of more than 1023.
_SHOWN_ASSETS = 5


def _moment(_context: click.Context, _param: click.Parameter, given: str | None) -> int | None:
    """Take a moment in UTC, or with its offset (RFC 3339). Anything else is wrong usage."""
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise click.BadParameter("takes a moment as 2026-01-31T08:00Z") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _file(_context: click.Context, _param: click.Parameter, given: str | None) -> str | None:
    """Take the name of a file, or `-`. Anything else is not repeated: it may be the key itself."""
    if given is not None and given != "-" and (not os.path.exists(given) or os.path.isdir(given)):
        raise click.BadParameter("takes the name of a file that is there, never the key itself")
    return given


_bits = click.option(
    "--bits", type=click.Choice([str(bits) for bits in keypairs.RSA_BITS]), help="Size of an RSA key that is made."
)
_from = click.option(
    "--from",
    "file",
    metavar="FILE",
    callback=_file,
    help="Bring the private key in FILE (PEM or JWK; `-` is standard input).",
)
_passphrase = click.option(
    "--passphrase-stdin", is_flag=True, help="Read the passphrase of that PEM from standard input."
)


@command(commands, "list")
@click.option("--all", "is_all", is_flag=True, help="Also those that are retired, gone or revoked.")
def list_keys(is_all: bool) -> None:
    """Print a line for each signing key: state, moments, and the assets that its like sign for."""
    from mintmark.keys.listing import assets_of

    now = get_ready_mint().clock()
    statement = select(SigningKey).options(defer(SigningKey.sealed))
    paths: dict[str, list[str]] = {}
    for key in db.session.scalars(statement.order_by(SigningKey.ring_id, SigningKey.signs_from_at, SigningKey.id)):
        state = state_of(key, now)
        if is_all or state in (PLANNED, NEXT, SIGNING):
            if key.ring_id not in paths:
                paths[key.ring_id] = [asset.path for asset in assets_of(key.ring_id, limit=_SHOWN_ASSETS + 1)]
            click.echo(_in_words(key, state, paths[key.ring_id]))


def _in_words(key: SigningKey, state: str, paths: list[str]) -> str:
    moments = [("published", key.published_at), ("signs from", key.signs_from_at), ("retired", key.retired_at),
               ("gone", key.gone_at), ("revoked", key.revoked_at)]  # fmt: skip
    told = ", ".join(f"{word} {iso(at)}" for word, at in moments if at is not None)
    more = ["…"] if len(paths) > _SHOWN_ASSETS else []
    assets = ", ".join([*paths[:_SHOWN_ASSETS], *more]) or "none"
    return f"{key.key_id}: {key.algorithm}, {state}; {told}; assets: {assets}"


@command(commands, "make")
@click.argument("key_id")
@click.option("--algorithm", required=True, type=click.Choice(KEY_ALGORITHMS), help="What it signs with.")
@_bits
@_from
@_passphrase
def make(key_id: str, algorithm: str, bits: str | None, file: str | None, passphrase_stdin: bool) -> None:
    """Make the signing key KEY_ID, or bring it; it signs at once for the assets that will name it."""
    from mintmark.keys import adding, making

    mint = get_ready_mint()
    pair = _pair(algorithm, bits, file, passphrase_stdin, keypairs.USUAL_RSA_BITS)
    with writing():
        by, sealer = occasion(mint.clock()), mint.settings.sealer
        moments, is_brought = adding.reminded(by.now), file is not None
        making.make(pair, key_id, sealer=sealer, by=by, is_brought=is_brought, moments=moments)
    click.echo(f"{key_id} signs with {algorithm}.")


def _pair(algorithm: str, bits: str | None, file: str | None, passphrase_stdin: bool, usual_bits: int) -> KeyPair:
    """Make or read a key pair. Raises FieldError, which repeats nothing of a key."""
    if file is None:
        if passphrase_stdin:
            raise FieldError("is for a key that is brought with --from", "passphrase")
        return keypairs.generate(algorithm, bits=int(bits) if bits else usual_bits)
    if bits:
        raise FieldError("are for a key that is made; the one that is brought has its own", "bits")
    if passphrase_stdin and file == "-":
        raise FieldError("comes from standard input, so the key has to come from a file", "passphrase")
    passphrase = _read_passphrase() if passphrase_stdin else ""
    try:
        with click.open_file(file, "rb") as opened:
            text = opened.read(keypairs.MAX_KEY_CHARACTERS + 1).decode("utf-8", "replace")
    except OSError as error:
        refuse(f"{file}: {error.strerror or 'cannot be read'}")
    return keypairs.read_private_key(text, algorithm, passphrase=passphrase)


def _read_passphrase() -> str:
    try:
        return sys.stdin.buffer.readline(_MAX_PASSPHRASE).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise FieldError("is not UTF-8", "passphrase") from None


@command(commands, "rotate", takes_dashes=True)
@click.argument("key_id")
@click.option("--next-id", metavar="ID", help="The key id of the next key; without it, its thumbprint.")
@click.option("--at", "signs_from_at", metavar="MOMENT", callback=_moment, help="When it signs; without it, soon.")
@_bits
@_from
@_passphrase
def rotate(
    key_id: str,
    next_id: str | None,
    signs_from_at: int | None,
    bits: str | None,
    file: str | None,
    passphrase_stdin: bool,
) -> None:
    """Let another key follow KEY_ID: it is published now, and signs when every verifier knows it."""
    from mintmark.keys import adding, making

    mint = get_ready_mint()
    present = _get(key_id)
    making.see_is_last(present, mint.clock(), has_moment=signs_from_at is not None)
    ring_id = present.ring_id
    pair = _pair(present.algorithm, bits, file, passphrase_stdin, _bits_of(present))
    with writing():
        by, sealer = occasion(mint.clock()), mint.settings.sealer
        moments = adding.reminded(by.now, signs_from_at)
        key = making.follow(ring_id, pair, next_id, sealer=sealer, by=by, is_brought=file is not None, moments=moments)
        words = f"{key.key_id} is published, and signs from {iso(key.signs_from_at)}."
    click.echo(words)


def _get(key_id: str) -> SigningKey:
    from mintmark.keys.rings import find_key

    key = find_key(key_id) if key_id.isprintable() else None
    if key is None:
        raise NotFound("There is no signing key of this id; `flask --app app keys list --all` lists them.")
    return key


def _bits_of(key: SigningKey) -> int:
    """Return the size that the next key of the same kind has."""
    size = getattr(keypairs.public_key_of(key.public), "key_size", None)
    return size if size in keypairs.RSA_BITS else keypairs.USUAL_RSA_BITS


@command(commands, "plan", takes_dashes=True)
@click.argument("key_id")
@click.option(
    "--every", "days", required=True, metavar="DAYS", type=click.IntRange(1, 3660), help="How long each signs."
)
@click.option("--keys", "amount", required=True, metavar="N", type=click.IntRange(1, 50), help="How many are made.")
@_bits
def plan(key_id: str, days: int, amount: int, bits: str | None) -> None:
    """Let N keys follow KEY_ID, one every DAYS days; each is published ahead of its turn."""
    from mintmark.keys import making

    mint = get_ready_mint()
    present = _get(key_id)
    making.turns(present.ring_id, days * 86_400, amount, mint.clock())  # Before the work of making so many.
    ring_id, size = present.ring_id, int(bits) if bits else _bits_of(present)
    pairs = [(keypairs.generate(present.algorithm, bits=size), None) for _ in range(amount)]
    with writing():
        by, sealer = occasion(mint.clock()), mint.settings.sealer
        made = making.plan(ring_id, pairs, every=days * 86_400, sealer=sealer, by=by)
        lines = [
            f"{key.key_id}: published {iso(key.published_at)}, signs from {iso(key.signs_from_at)}" for key in made
        ]
    for line in lines:
        click.echo(line)


@command(commands, "revoke", takes_dashes=True)
@click.argument("key_id")
@click.option("--replacement", "replacement_id", metavar="ID", help="The key id of the key that signs in its place.")
@click.option("--no-replacement", is_flag=True, help="Let nothing sign in its place but the key that was to follow.")
@click.option("--yes", "is_sure", is_flag=True, help="Do it: nobody trusts its tokens from then on.")
def revoke(key_id: str, replacement_id: str | None, no_replacement: bool, is_sure: bool) -> None:
    """Unpublish KEY_ID at once, in an emergency. Where it signs now, another key made for that signs in its place."""
    from mintmark.keys import changing

    if replacement_id and no_replacement:
        raise click.UsageError("--replacement and --no-replacement exclude each other")
    mint = get_ready_mint()
    key, now = _get(key_id), mint.clock()
    is_signing = state_of(key, now) == SIGNING
    if not is_sure:
        refuse(f"{key_id}: its tokens verify nowhere any more, and that is for good. Say --yes to do it.")
    if replacement_id and not is_signing:
        raise FieldError("is for a key that signs now; this one does not", "replacement")
    pair = None
    if is_signing and not no_replacement:
        pair = keypairs.generate(key.algorithm, bits=_bits_of(key))
    with writing():
        made = changing.revoke(_get(key_id), pair, replacement_id, sealer=mint.settings.sealer, by=occasion(now))
        words = f"{made.key_id} signs in its place." if made else "Nothing was made in its place."
    click.echo(f"{key_id} is revoked. {words}")


@command(commands, "public", takes_dashes=True)
@click.argument("key_id")
@click.option("--jwk", "is_jwk", is_flag=True, help="As a JWK, as the key sets have it.")
def public(key_id: str, is_jwk: bool) -> None:
    """Print the public half of KEY_ID as PEM, for a relying party that asks for one."""
    import json

    from mintmark.keys.publishing import jwk_of

    get_ready_mint()
    key = _get(key_id)
    text = json.dumps(jwk_of(key), indent=2) if is_jwk else keypairs.spki_pem(key.public).rstrip("\n")
    click.echo(text)
