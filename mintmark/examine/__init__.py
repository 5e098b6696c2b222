"""What would this asset give this person, and why: `flask check`, saves, previews and imports ask here.

Rule: whatever is said here was found out by the very function that issues (`issue.make_token`),
and nothing is recorded. Words name places, names and numbers, never anybody's attribute. No
request is known here: the moment, the site's address and the clock are handed in.

    for finding in warnings_of(definition, secret): …       # from the definition, and a cheap query or two
    examination = Examiner(now=now, site_url=url).examine(prepared, time_limit=0.2)
    for finding in examination.findings: …                  # for each real reader, and for awkward people
"""

from mintmark.examine.asset import Examination, Examiner
from mintmark.examine.awkward import AwkwardPerson, awkward_people
from mintmark.examine.definition import warnings_of
from mintmark.examine.every import Examined, examine_every_asset
from mintmark.examine.findings import Finding, Trial

__all__ = [
    "AwkwardPerson",
    "Examination",
    "Examined",
    "Examiner",
    "Finding",
    "Trial",
    "awkward_people",
    "examine_every_asset",
    "warnings_of",
]
