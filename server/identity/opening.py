"""Makes the loader of principals from the settings."""

from server.identity.issuer import Issuer
from server.identity.keyring import Keyring
from server.identity.loader import PrincipalLoader
from server.identity.tokens import Tokens
from tandem.settings import IdentitySettings
from tandem.store import Store


def open_principals(settings: IdentitySettings, store: Store) -> PrincipalLoader:
    """The loader; the issuer, if there is one, is asked with the first token."""
    tokens = Tokens(settings, Issuer(settings)) if settings.oidc_issuer else None
    return PrincipalLoader(
        Keyring(store), tokens, required=settings.required, open_metrics=settings.open_metrics
    )
