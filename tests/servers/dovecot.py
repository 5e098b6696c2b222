"""Dovecot with docs/dovecot-passdb.conf and docs/dovecot-jwt.conf, and a mailbox for whoever comes."""

import base64
import getpass
import grp
import imaplib
import os
import pwd
from contextlib import contextmanager

from tests.servers.running import filled, find_program, running
from tests.serving import ROOT, free_port

PASSDB, JWT = ROOT / "docs/dovecot-passdb.conf", ROOT / "docs/dovecot-jwt.conf"
# What a server in /etc has from its package; here it runs in a folder, as whoever tests.
HOUSE = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
auth_verbose = yes
ssl = no
listen = 127.0.0.1
protocols = imap
default_login_user = {user}
default_internal_user = {user}
default_internal_group = {group}
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%u
auth_failure_delay = 0
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
  # Else each refusal makes the next answer from this address slower.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
!include {folder}/passdb.conf
"""


class Dovecot:
    """An IMAP server that takes tokens for passwords."""

    def __init__(self, port):
        self.port = port

    def whom_it_lets_in(self, token, algorithm, username):
        """Return whose mailbox was opened, or None. `algorithm` is the token's to say: both keys are there."""
        said = f"n,a={username},\1auth=Bearer {token}\1\1".encode()
        with self.connect() as connection:
            try:
                # The answer to a refusal is one more line from us (RFC 7628 §3.2.3).
                connection.authenticate("OAUTHBEARER", lambda challenge: b"\1" if challenge else said)
                assert connection.select("INBOX") == ("OK", [b"0"])
            except imaplib.IMAP4.error as error:
                assert "AUTHENTICATIONFAILED" in str(error), error
                return None
        return username

    def connect(self):
        try:
            return imaplib.IMAP4("127.0.0.1", self.port, timeout=10)
        except imaplib.IMAP4.error as error:
            raise OSError(str(error)) from error


@contextmanager
def dovecot(folder, secret, public_keys):
    """Start Dovecot in a folder whose path is short (it makes sockets there); `public_keys` is key id → PEM."""
    program = find_program("dovecot", "dovecot-core")
    find_program("imap", "dovecot-imapd")
    os.umask(0o022)  # Keys are read by processes of another user; whatever a command left here before.
    user, group = _whose(folder)
    port = free_port()
    for name in ("run", "state", "mail", "keys/default/HS256", "keys/default/RS256"):
        (folder / name).mkdir(parents=True)
    if os.getuid() == 0:
        os.chown(folder / "mail", pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid)
    (folder / "keys/default/HS256/default").write_bytes(base64.b64encode(secret.encode()))
    for key_id, pem in public_keys.items():
        (folder / "keys/default/RS256" / key_id).write_text(pem)
    args, keys = ("/etc/dovecot/mintmark-jwt.conf", f"{folder}/jwt.conf"), ("/etc/dovecot/keys/", f"{folder}/keys/")
    (folder / "passdb.conf").write_text(filled(PASSDB, args=args))
    (folder / "jwt.conf").write_text(filled(JWT, keys=keys))
    (folder / "dovecot.conf").write_text(HOUSE.format(folder=folder, user=user, group=group, port=port))
    server = Dovecot(port)
    command = [program, "-F", "-c", str(folder / "dovecot.conf")]
    with running(command, folder / "log", lambda: server.connect().logout()):
        yield server


def _whose(folder):
    """Return user and group of the processes that take connections: root's may not, and need a way in."""
    if os.getuid() == 0:
        folder.chmod(0o755)
        return "nobody", "nogroup"
    return getpass.getuser(), grp.getgrgid(os.getgid()).gr_name
