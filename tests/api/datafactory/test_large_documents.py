"""Documents as large as they may be are taken in the time that their size asks for, and not in its square."""

import time

from headrace.api.datafactory.checks import check_pipeline
from headrace.api.datafactory.inference import repair_pipeline
from headrace.api.datafactory.translate.plan import compile_plan


def test_a_pipeline_of_eight_thousand_activities_is_made_a_plan_at_once() -> None:
    """No number of activities is too many, so no step may look at all of them for each of them."""
    before = {"dependencyConditions": ["Succeeded"]}
    activities = [
        {
            "name": f"W{number}",
            "type": "Wait",
            "typeProperties": {"waitTimeInSeconds": 0},
            "dependsOn": [{"activity": f"W{number - 1}", **before}] if number % 2 else [],
        }
        for number in range(8_000)
    ]
    begun = time.monotonic()
    properties = repair_pipeline({"activities": activities})
    check_pipeline(properties)
    plan = compile_plan("p", properties)
    assert time.monotonic() - begun < 8
    assert len(plan.in_order()) == 8_000
