"""Stores that triggers watch: what looking at them needs of an installation."""

from headrace.activities.datafactory.datasets import Connecting
from headrace.activities.datafactory.secret_source import SecretSource, TokenSource
from headrace.activities.datafactory.watching import StoreLister
from headrace.bootstrap.application import Application
from headrace.bootstrap.pipelines import FactoryDocuments, installation_of
from headrace.config import environment
from headrace.core.clock import SECOND
from headrace.core.mapped_folders import parse_mapped_folders
from headrace.core.storage_accounts import parse_storage_accounts
from headrace.service.triggers.desk import TriggerDesk
from headrace.service.triggers.watching import Watching


def watching_of(application: Application, desk: TriggerDesk) -> Watching:
    """Return what looking at the stores of file triggers needs."""
    settings = application.settings
    connecting = Connecting(
        FactoryDocuments(application.database, application.sealer),
        application.egress.pin,
        lambda scope: application.roots_of(scope).file_roots,
        SecretSource(settings.datafactory_secrets, environment()),
        TokenSource(settings.datafactory_token_url),
        folders=parse_mapped_folders(settings.datafactory_folders),
    )
    lister = StoreLister(
        installation_of(application),
        connecting,
        application.limits,
        parse_storage_accounts(settings.datafactory_storage_accounts),
    )
    return Watching(desk, lister, round(settings.datafactory_watch_seconds * SECOND))
