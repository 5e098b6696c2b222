"""A relying party to try: another origin that takes tokens of the site as real ones do, and shows what it saw.

Rule: it knows of the site what every relying party knows: a secret that somebody gave it, or the address of the
public keys. It asks the site's database nothing, and never writes a token down. The code that verifies is ours.

    app = make_receiver([Party("desk", "HS256", secret, by="post", name="jwt")], "https://tokens.example.org")
"""

from mintmark.receiver.judging import Judge, Verdict
from mintmark.receiver.pages import make_receiver
from mintmark.receiver.parties import WAYS, Party
from mintmark.receiver.serving import make_server, open_door

__all__ = ["WAYS", "Judge", "Party", "Verdict", "make_receiver", "make_server", "open_door"]
