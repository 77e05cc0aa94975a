"""Presidio's recognisers, by the kind of personal data that they find, without a language model.

Presidio's engine would ask for one; its recognisers of patterns do not. None of them reaches out of this machine.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from presidio_analyzer import EntityRecognizer, predefined_recognizers
from presidio_analyzer.predefined_recognizers import EmailRecognizer, PhoneRecognizer

_ONE_OF_A_KIND = {"iban": "IbanRecognizer", "card": "CreditCardRecognizer", "ip": "IpRecognizer"}
_NATIONAL_IDS = (
    *("UsSsnRecognizer", "UsItinRecognizer", "CaSinRecognizer", "UkNinoRecognizer", "NhsRecognizer"),
    *("DeTaxIdRecognizer", "DeSocialSecurityRecognizer", "EsNifRecognizer", "EsNieRecognizer"),
    *("ItFiscalCodeRecognizer", "PlPeselRecognizer", "FiPersonalIdentityCodeRecognizer"),
    *("SePersonnummerRecognizer", "TrNationalIdRecognizer", "InAadhaarRecognizer", "InPanRecognizer"),
    *("SgFinRecognizer", "KrRrnRecognizer", "ThTninRecognizer", "AuTfnRecognizer", "ZaIdNumberRecognizer"),
)


class _AnyEmail(EmailRecognizer):  # type: ignore[misc]
    """Addresses of every domain. Presidio's own asks the web for the list of public ones, and passes over the
    others, such as those inside an organisation.
    """

    def validate_result(self, pattern_text: str) -> bool | None:
        """The pattern alone decides."""
        return None


def recognisers(kind: str, regions: Sequence[str]) -> Iterator[EntityRecognizer]:
    """Those of one kind; `regions` are countries of telephone numbers."""
    match kind:
        case "email":
            yield _AnyEmail()
        case "phone":
            # 1: numbers that can be given out there, and not any seven digits.
            yield PhoneRecognizer(supported_regions=tuple(regions), leniency=1)
        case "national_id":
            for name in _NATIONAL_IDS:
                yield _made(name)
        case _:
            yield _made(_ONE_OF_A_KIND[kind])


def _made(name: str) -> Any:
    return getattr(predefined_recognizers, name)()
