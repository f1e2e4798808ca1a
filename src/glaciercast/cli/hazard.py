"""``glaciercast hazard``: lakes, past floods and an outlook on outburst floods; one file a subcommand."""

import typer

from glaciercast.cli import hazard_events, hazard_lakes, hazard_outlook, hazard_simulate, hazard_tables, hazard_verify

app = typer.Typer(help="Lakes, past floods, and an outlook that never looks ahead.", no_args_is_help=True, rich_markup_mode=None)
app.command(name="lakes")(hazard_lakes.command)
app.command(name="events")(hazard_events.command)
app.command(name="simulate")(hazard_simulate.command)
app.command(name="outlook")(hazard_outlook.command)
app.command(name="verify")(hazard_verify.command)
app.command(name="tables")(hazard_tables.command)
