"""`flask site export` and `flask site import`."""

import click

commands = click.Group("site", help="The site file: everything an administrator keeps, as one document.")
