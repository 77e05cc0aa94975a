"""A document's text to chunks: by sentences, by Markdown structure, by meaning, or small ones with parents."""

from ingest.splitting.chunking import Split, Splitter
from ingest.splitting.cut import Cut

__all__ = ["Cut", "Split", "Splitter"]
