"""Backups: all that a Tandem knows in one archive, and back."""

from tandem.backup.archive import ArchiveFacts, read_facts
from tandem.backup.making import make_backup
from tandem.backup.restoring import Restored, restore

__all__ = ["ArchiveFacts", "Restored", "make_backup", "read_facts", "restore"]
