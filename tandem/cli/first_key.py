"""The first start's key, shown on the terminal this once and written to no log."""

from tandem.cli.output import stdout
from tandem.keys import create_first_key
from tandem.settings import Settings
from tandem.store import Store


def print_first_key(settings: Settings, store: Store) -> None:
    """Make the first key of a store that never had one, and print it with the page's address. Blocking."""
    issued = create_first_key(store)
    if issued is None:
        return
    host = f"[{settings.server.host}]" if ":" in settings.server.host else settings.server.host
    stdout.print("\n[bold]Your key[/bold], which may do everything. It is shown this once:\n")
    # As it is: nothing of it is markup, and no line of it is broken.
    print(f"  {issued.text}\n")
    print(f"  http://{host}:{settings.server.port}/#key={issued.text}\n", flush=True)
    stdout.print("[dim]The command line on this machine needs none; `tandem keys create` makes more.[/dim]\n")
