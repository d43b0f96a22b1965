"""What answering the operations of console, command line and native API needs of an installation."""

from headrace import __version__
from headrace.api.datafactory.asking import pipelines_of
from headrace.api.datafactory.door import AUDIENCE as DATA_FACTORY
from headrace.api.datafactory.switching import switch as switch_of_triggers
from headrace.api.flowservice.door import AUDIENCE as FLOW_SERVICE
from headrace.api.flowservice.retries import remaker
from headrace.api.flowservice.switching import switch as switch_of_flows
from headrace.bootstrap.application import Application
from headrace.bootstrap.doors import make_data_factory_door, make_door
from headrace.bootstrap.jobs import job_desk
from headrace.bootstrap.timers import firing_desk, webhook_desk
from headrace.core.explore import Explorer
from headrace.service.native.desk import NativeDesk


def make_native_desk(application: Application, explore: Explorer) -> NativeDesk:
    """Return the desk. ``explore`` is the caller's to close."""
    factories, flows = make_data_factory_door(application), make_door(application, explore)
    return NativeDesk(
        database=application.database,
        clock=application.clock,
        ids=application.ids,
        sealer=application.sealer,
        roots=application.roots,
        outcome_lost=application.outcome_lost,
        jobs=job_desk(application),
        replays=application.replay_desk(),
        webhooks=webhook_desk(application),
        pipelines=pipelines_of(factories),
        explore=explore,
        version=__version__,
        makers=firing_desk(application).makers,
        public_url=application.settings.public_url or None,
        remakers={FLOW_SERVICE: remaker(flows)},
        flow_switches={FLOW_SERVICE: switch_of_flows(flows)},
        trigger_switches={DATA_FACTORY: switch_of_triggers(factories)},
        dead_after_seconds=application.settings.dead_after_seconds,
    )
