#!/bin/sh
# A command of Mintmark with the settings of its service, and as its user, for people, cron and scripts:
# sudo install -m 755 docs/mintmark.sh /usr/local/bin/mintmark. It runs in /opt/mintmark, so files have whole names.
set -eu

[ "$(id -u)" = 0 ] || exec sudo "$0" "$@"
exec systemd-run --quiet --pipe --wait --collect \
    -p User=mintmark -p UMask=0077 -p LimitCORE=0 -p WorkingDirectory=/opt/mintmark \
    -p EnvironmentFile=/etc/mintmark/settings -p Environment=MINTMARK_INSTANCE=/var/lib/mintmark \
    /opt/mintmark/.venv/bin/flask --app app "$@"
