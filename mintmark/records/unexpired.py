"""How many tokens of a signing key are good still, by the log: for whoever revokes it."""

from sqlalchemy import func, select

from mintmark.keys.lasting import is_remembered, longest_lifetime
from mintmark.models import LogRow, SigningKey, db, log_parts
from mintmark.people_listing import MANY, Some
from mintmark.records.filters import Filter
from mintmark.records.finding import span_of


def unexpired(key: SigningKey, *, now: float) -> Some | None:
    """Count the tokens of a key that may not have expired, as far as one counts; None: they are not counted.

    So where some never expire, where an asset was purged whose tokens may be good, and where too much of the log would
    have to be looked at. By the longest lifetime of its assets, so rather too many.
    """
    longest = longest_lifetime(key)
    if longest is None or is_remembered(key, now):
        return None
    since = int(now - longest) * 1000
    first, _ = span_of(Filter(since=since))
    stretch = log_parts.newest("kid", key.key_id, first, log_parts.MAX_ID, enough=MANY + 1)
    wanted = (LogRow.id + 0 >= first, LogRow.at + 0 >= since, LogRow.event == "token.issued")
    those = select(LogRow.id).where(*log_parts.has("kid", key.key_id, stretch.parts), *wanted)
    number = db.session.scalar(select(func.count()).select_from(those.limit(MANY + 1).subquery())) or 0
    if number > MANY:
        return Some(MANY, True)
    return Some(number) if stretch.end is None else None
