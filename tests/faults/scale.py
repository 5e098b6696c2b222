"""How much of each fault happens: all of it in `make faults`, which sets FAULTS_SCALE to 1, and else a tenth."""

import os

SCALE = float(os.environ.get("FAULTS_SCALE", "0.1"))


def scaled(whole, least=1):
    """Return so much of a count or a duration as the scale says, but `least`."""
    return max(type(whole)(whole * SCALE), least)
