"""A gate in an Airflow pipeline: `vigie check` over the day's data, by its exit code.

0 goes on; 1, the model is not well, takes the branch that retrains; 3, nothing could be judged, skips what follows;
2, an error, fails the task, so that Airflow tries again. Put it into the folder of DAGs and set the Airflow variables
`vigie_config`, `vigie_profile`, `vigie_data` (with `{day}`) and `vigie_results` (with `{day}`).

Written for Airflow 2.4 and later, and for 3.
"""

import json
import subprocess
from datetime import datetime, timedelta, timezone

from airflow.exceptions import AirflowException, AirflowSkipException

try:
    from airflow.sdk import Variable, dag, task
except ImportError:
    from airflow.decorators import dag, task
    from airflow.models import Variable

WELL, NOT_WELL, ERROR, NOT_JUDGED = 0, 1, 2, 3


def next_task(code, said):
    """What an exit code of `vigie check` means for the pipeline: the id of the task that follows."""
    if code == WELL:
        return "publish"
    if code == NOT_WELL:
        return "retrain"
    if code == NOT_JUDGED:
        raise AirflowSkipException(f"nothing could be judged:\n{said}")
    raise AirflowException(f"vigie check failed with {code}:\n{said}")


def check_command(config, profile, data, results):
    return ["vigie", "check", "--config", config, "--profile", profile, "--output", results, data]


@dag(
    dag_id="vigie_check",
    schedule="15 6 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    tags=["vigie"],
)
def vigie_check():
    @task.branch
    def check(day):
        command = check_command(
            Variable.get("vigie_config"),
            Variable.get("vigie_profile"),
            Variable.get("vigie_data").format(day=day),
            Variable.get("vigie_results").format(day=day),
        )
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        print(ended.stdout, ended.stderr)  # the verdict stands first
        return next_task(ended.returncode, ended.stdout + ended.stderr)

    @task
    def publish(day):
        print(json.dumps({"day": day, "verdict": "well"}))

    @task
    def retrain(day):
        # In place of this: start your training, and deploy its model with a new version and a new profile.
        print(json.dumps({"day": day, "verdict": "not well"}))

    day = "{{ data_interval_start | ds }}"
    check(day) >> [publish(day), retrain(day)]


vigie_check()
