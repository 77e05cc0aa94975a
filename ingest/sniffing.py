"""Judges what a file is by its content. A name decides only among kinds of text."""

import re
from enum import StrEnum
from pathlib import PurePath

from ingest.peeking import is_tar, unpacked_start, zip_names


class MediaType(StrEnum):
    """What Tandem reads; of archives, what it unpacks."""

    PDF = "application/pdf"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    PLAIN = "text/plain"
    CSV = "text/csv"
    TSV = "text/tab-separated-values"
    JSON = "application/json"
    JSONL = "application/jsonl"
    CODE = "text/x-source"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    DOC = "application/msword"
    PPT = "application/vnd.ms-powerpoint"
    XLS = "application/vnd.ms-excel"
    RTF = "application/rtf"
    ODT = "application/vnd.oasis.opendocument.text"
    ODS = "application/vnd.oasis.opendocument.spreadsheet"
    EPUB = "application/epub+zip"
    EML = "message/rfc822"
    MSG = "application/vnd.ms-outlook"
    PNG = "image/png"
    JPEG = "image/jpeg"
    GIF = "image/gif"
    TIFF = "image/tiff"
    WEBP = "image/webp"
    BMP = "image/bmp"
    ZIP = "application/zip"
    TAR = "application/x-tar"
    TAR_GZ = "application/x-tar+gzip"
    TAR_BZ2 = "application/x-tar+bzip2"
    TAR_XZ = "application/x-tar+xz"

    @property
    def is_archive(self) -> bool:
        """Whether it holds files that are ingested one by one."""
        return self in _ARCHIVES

    @property
    def is_mail(self) -> bool:
        """Whether it may have attachments, which are documents of their own."""
        return self in (MediaType.EML, MediaType.MSG)

    @property
    def is_image(self) -> bool:
        """Whether it has no text but what is recognised in it."""
        return self.value.startswith("image/")


_ARCHIVES = frozenset({MediaType.ZIP, MediaType.TAR, MediaType.TAR_GZ, MediaType.TAR_BZ2, MediaType.TAR_XZ})
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", MediaType.PNG),
    (b"\xff\xd8\xff", MediaType.JPEG),
    (b"GIF87a", MediaType.GIF),
    (b"GIF89a", MediaType.GIF),
    (b"II*\x00", MediaType.TIFF),
    (b"MM\x00*", MediaType.TIFF),
    (b"{\\rtf", MediaType.RTF),
)
_FOREIGN = (
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"%!PS", "a PostScript file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document of an old kind"),
)
_COMPRESSED_TARS = (
    (b"\x1f\x8b", MediaType.TAR_GZ),
    (b"BZh", MediaType.TAR_BZ2),
    (b"\xfd7zXZ\x00", MediaType.TAR_XZ),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_STREAMS = (  # the names of streams, as the directory of such a file spells them
    ("__properties_version1.0", MediaType.MSG),
    ("WordDocument", MediaType.DOC),
    ("PowerPoint Document", MediaType.PPT),
    ("Workbook", MediaType.XLS),
    ("Book", MediaType.XLS),
)
_PACKAGES = {
    MediaType.EPUB.value: MediaType.EPUB,
    MediaType.ODT.value: MediaType.ODT,
    MediaType.ODS.value: MediaType.ODS,
}
_OOXML_FOLDERS = {"word": MediaType.DOCX, "ppt": MediaType.PPTX, "xl": MediaType.XLSX}
_BMP = re.compile(rb"BM.{4}\x00{4}.{4}[\x0c\x28\x6c\x7c]\x00\x00\x00", re.DOTALL)
_PDF_MAGIC = b"%PDF-"
_PDF_MAGIC_WITHIN = 1024
"""Readers of PDF allow this many bytes before the magic."""

_MAIL_WITHIN = 16_384
_MAIL_FIELD = re.compile(rb"([A-Za-z][A-Za-z0-9-]{0,60}):")
_MAIL_FIELDS = frozenset(
    b"from to cc subject date received message-id mime-version return-path delivered-to".split()
)
_FEWEST_MAIL_FIELDS = 3

_HTML_START = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--.{0,2000}?-->\s*){0,20}<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_TAG = re.compile(r"<[a-z][a-z0-9]*(?:\s[^<>]{0,2000})?/?>", re.IGNORECASE)
_HTML_WITHIN = 100_000
_BY_SUFFIX = {
    MediaType.HTML: ".html .htm .xhtml",
    MediaType.MARKDOWN: ".md .markdown .mdown .mkd .mdx",
    MediaType.CSV: ".csv",
    MediaType.TSV: ".tsv .tab",
    MediaType.JSON: ".json .geojson .jsonld .webmanifest .har",
    MediaType.JSONL: ".jsonl .ndjson",
    MediaType.CODE: ".py .pyi .pyx .ipy .js .mjs .cjs .jsx .ts .tsx .vue .svelte .java .kt .kts .scala .groovy"
    " .gradle .c .h .cc .cpp .cxx .hh .hpp .hxx .m .mm .cs .fs .vb .go .rs .swift .dart .rb .php .pl .pm .lua .r"
    " .jl .hs .ml .mli .elm .ex .exs .erl .hrl .clj .cljs .lisp .el .scm .sh .bash .zsh .fish .ps1 .bat .cmd .sql"
    " .proto .thrift .graphql .tf .hcl .nix .cmake .mk .css .scss .sass .less .xml .xsd .xsl .xslt .svg .opml"
    " .yaml .yml .toml .ini .cfg .conf .properties .dockerfile .asm .s .f90 .f .pas .sol .zig .nim .v .vhdl .tex",
}
_OF_SUFFIX = {
    suffix: media_type for media_type, suffixes in _BY_SUFFIX.items() for suffix in suffixes.split()
}
_OF_NAME = dict.fromkeys(("makefile", "dockerfile", "cmakelists.txt", "jenkinsfile"), MediaType.CODE)
_PROMISES = {
    media_type: suffixes.split()
    for media_type, suffixes in {
        MediaType.PDF: ".pdf",
        MediaType.DOCX: ".docx .docm .dotx",
        MediaType.PPTX: ".pptx .pptm .ppsx",
        MediaType.XLSX: ".xlsx .xlsm .xltx",
        MediaType.DOC: ".doc",
        MediaType.PPT: ".ppt",
        MediaType.XLS: ".xls",
        MediaType.ODT: ".odt",
        MediaType.ODS: ".ods",
        MediaType.EPUB: ".epub",
        MediaType.MSG: ".msg",
        MediaType.PNG: ".png",
        MediaType.JPEG: ".jpg .jpeg",
        MediaType.TIFF: ".tif .tiff",
        MediaType.WEBP: ".webp",
        MediaType.GIF: ".gif",
        MediaType.BMP: ".bmp",
        MediaType.ZIP: ".zip",
        MediaType.TAR: ".tar",
        MediaType.TAR_GZ: ".tgz .gz",
        MediaType.TAR_BZ2: ".tbz2 .bz2",
        MediaType.TAR_XZ: ".txz .xz",
    }.items()
}
_PROMISED = {suffix: media_type for media_type, suffixes in _PROMISES.items() for suffix in suffixes}


def sniff(content: bytes, name: str) -> MediaType:
    """What a file is, as far as its bytes and its name tell; cheap, and bounded whatever the file.

    Archives are among the answers. What is no known binary counts as text, whether or not it can be
    decoded. `known_binary` tells the binaries that are not read.
    """
    binary = binary_type(content)
    if binary is not None:
        return binary
    return text_type(content[:_HTML_WITHIN].decode("utf-8", "replace"), name)


def binary_type(content: bytes) -> MediaType | None:
    """The type of what is no text, or is text only by the way (e-mail, RTF); `None` for all else."""
    for magic, media_type in _SIGNATURES:
        if content.startswith(magic):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return MediaType.WEBP
    if _BMP.match(content):
        return MediaType.BMP
    if content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_type(content)
    if content.startswith(_OLE):
        return _ole_type(content)
    return _tar_type(content) or _late_type(content)


def _late_type(content: bytes) -> MediaType | None:
    """What does not say it in its first bytes."""
    if _PDF_MAGIC in content[:_PDF_MAGIC_WITHIN]:
        return MediaType.PDF
    return MediaType.EML if _is_mail(content) else None


def _tar_type(content: bytes) -> MediaType | None:
    for magic, media_type in _COMPRESSED_TARS:
        if content.startswith(magic):
            return media_type if is_tar(unpacked_start(content)) else None
    return MediaType.TAR if is_tar(content) else None


def known_binary(content: bytes) -> str | None:
    """What the bytes are by their signature, in words, if that is something that Tandem does not read."""
    return next((words for magic, words in _FOREIGN if content.startswith(magic)), None)


def text_type(text: str, name: str) -> MediaType:
    """The type of a decoded text. The name helps only where the content leaves it open."""
    path = PurePath(name.lower())
    if _HTML_START.match(text):
        return MediaType.HTML
    media_type = _OF_NAME.get(path.name) or _OF_SUFFIX.get(path.suffix, MediaType.PLAIN)
    if media_type is MediaType.HTML:
        return media_type if _TAG.search(text, 0, _HTML_WITHIN) else MediaType.PLAIN
    return media_type


def promised(name: str) -> MediaType | None:
    """The binary type that a name claims, if it claims one."""
    return _PROMISED.get(PurePath(name.lower()).suffix)


def _zip_type(content: bytes) -> MediaType:
    """Office files and e-books are zip files that hold certain members."""
    package = re.match(rb"PK\x03\x04.{22}\x08\x00..mimetype([a-z+./-]{1,80})", content, re.DOTALL)
    if package and package[1].decode() in _PACKAGES:
        return _PACKAGES[package[1].decode()]
    names = zip_names(content)
    if "[Content_Types].xml" in names:
        for name in names:
            folder, inside, _ = name.partition("/")
            if inside and folder in _OOXML_FOLDERS:
                return _OOXML_FOLDERS[folder]
    if "META-INF/container.xml" in names and "mimetype" in names:
        return MediaType.EPUB
    return MediaType.ZIP


def _ole_type(content: bytes) -> MediaType | None:
    for name, media_type in _OLE_STREAMS:
        # A directory entry is 64 bytes of name, and the name ends in a NUL.
        if content.find(name.encode("utf-16-le") + b"\x00\x00") >= 0:
            return media_type
    return None


def _is_mail(content: bytes) -> bool:
    """Whether it begins with the header of an e-mail: nothing but fields, some of which only e-mails have."""
    fields = set()
    for number, line in enumerate(content[:_MAIL_WITHIN].removeprefix(b"\xef\xbb\xbf").splitlines()):
        if not line.strip():
            break
        if line[:1] in b" \t" and number:
            continue
        field = _MAIL_FIELD.match(line)
        if not field:
            return False
        fields.add(field[1].lower())
    return len(fields & _MAIL_FIELDS) >= _FEWEST_MAIL_FIELDS
