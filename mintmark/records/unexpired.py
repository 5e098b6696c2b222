"""How many tokens of a signing key are good still, by the log: for whoever revokes it."""

from sqlalchemy import func, select

from mintmark.keys.lasting import is_remembered, longest_lifetime
from mintmark.models import LogRow, SigningKey, db
from mintmark.people_listing import MANY, Some
from mintmark.records.of_key import signed_by


def unexpired(key: SigningKey, *, now: float) -> Some | None:
    """Count the tokens of a key that may not have expired, as far as one counts; None: they are not counted.

    So where that would take long, and where an asset was purged whose tokens may be good: nobody knows since when.
    By the longest lifetime of its assets, so rather too many. Read are the rows of those assets since then.
    """
    longest, signed = longest_lifetime(key), signed_by(key.key_id)
    if longest is None or signed is None or signed.assets is None or is_remembered(key, now):
        return None
    since = int(now - longest) * 1000
    first = db.session.scalar(select(LogRow.id).where(LogRow.at >= since).order_by(LogRow.at).limit(1))
    if first is None:
        return Some(0)
    wanted = (LogRow.id >= first, LogRow.at >= since, LogRow.event == "token.issued", LogRow.kid == key.key_id)
    found = select(LogRow.id).where(LogRow.asset.in_(signed.assets), *wanted).limit(MANY + 1).subquery()
    number = db.session.scalar(select(func.count()).select_from(found)) or 0
    return Some(min(number, MANY), number > MANY)
