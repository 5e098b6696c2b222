"""`flask mint` and `flask check`."""

import click

commands = click.Group()
