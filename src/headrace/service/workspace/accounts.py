"""The account of an installation: there is one, made when it is asked for first, with an environment ``local``."""

from dataclasses import dataclass

from headrace.core.clock import Clock, Instant
from headrace.core.codec import Json
from headrace.core.ids import Ids
from headrace.core.job import SYSTEM, scope_of
from headrace.core.short_ids import short_id
from headrace.core.workspace import Resource, ResourceKind
from headrace.store import resources, settings
from headrace.store.database import Database, Transaction

FIRST_ENVIRONMENT = "local"
"""The name of the environment that every installation has."""
_ACCOUNT = "jobs.account"


@dataclass(frozen=True, slots=True)
class Account:
    """The account, and the environment that is meant where nobody names one."""

    id: str
    environment_id: str
    created_at: Instant

    @property
    def scope(self) -> str:
        """Return the scope of what belongs to the account and to no environment."""
        return f"jobs/{self.id}"

    @property
    def environment_scope(self) -> str:
        """Return the scope of the environment that is meant where nobody names one."""
        return scope_of(self.id, self.environment_id)


def the_account(database: Database, clock: Clock, ids: Ids) -> Account:
    """Return the account; the first who asks makes it."""
    with database.reading() as tx:
        found = _kept(tx)
    if found is not None:
        return found
    made = Account(short_id("acc", ids), short_id("env", ids), clock.now())
    value: dict[str, Json] = {"id": made.id, "environment": made.environment_id, "created_at": made.created_at}
    with database.transaction() as tx:
        if settings.put_once(tx, _ACCOUNT, value, made.created_at):
            resources.insert(tx, _first_environment(made))
        kept = _kept(tx)
    return kept or made


def _kept(tx: Transaction) -> Account | None:
    value = settings.get(tx, _ACCOUNT)
    if not isinstance(value, dict):
        return None
    return Account(str(value["id"]), str(value["environment"]), Instant(int(value["created_at"])))


def _first_environment(account: Account) -> Resource:
    return Resource(
        scope=account.environment_scope,
        kind=ResourceKind.ENVIRONMENT,
        id=account.environment_id,
        name=FIRST_ENVIRONMENT,
        body={"isProd": False},
        created_by=SYSTEM,
        created_at=account.created_at,
        updated_at=account.created_at,
        parent_id=account.id,
    )
