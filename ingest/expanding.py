"""From one fetched file to the documents in it: the members of an archive, the records of a table."""

from collections.abc import Iterator

from ingest.accept import Upload
from ingest.archives import Refusal, leaves
from ingest.records import Records, is_records, records
from tandem.errors import TandemError
from tandem.settings import IngestSettings


def documents(
    upload: Upload, mapping: Records | None, settings: IngestSettings
) -> Iterator[Upload | Refusal]:
    """All documents that a file holds; most hold one, which is the file itself.

    A part that is refused comes as its refusal, behind what it gave before. The documents that it did not
    give, whose addresses begin with the refusal's, must not be taken for gone.
    """
    for leaf in leaves(upload, settings):
        if isinstance(leaf, Refusal) or mapping is None or not is_records(leaf):
            yield leaf
            continue
        try:
            yield from records(leaf, mapping)
        except TandemError as error:
            yield Refusal(leaf.uri, leaf.name, error)
