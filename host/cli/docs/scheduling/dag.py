"""Runs a pipeline every hour from Airflow, 3.3 or later, with its standard provider."""

from datetime import datetime, timedelta

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

# Somebody must change something first; every other failure may pass by itself.
NOT_AGAIN = {2, 10, 22, 30, 32, 70}


class DponeRun(BaseOperator):
    """One `dpone run`. A failure that cannot pass by itself fails the task without retries."""

    template_fields = ("manifest",)

    def __init__(self, *, manifest, profile="prod", workdir="/srv/dpone", program="dpone", **kwargs):
        super().__init__(**kwargs)
        self.manifest = manifest
        self.profile = profile
        self.workdir = workdir
        self.program = program
        self.hook = SubprocessHook()

    def execute(self, context):
        command = [self.program, "run", self.manifest, "--profile", self.profile, "--quiet"]
        # The worker's environment holds the variables that the profile refers to.
        result = self.hook.run_command(command, cwd=self.workdir)
        if result.exit_code in NOT_AGAIN:
            raise AirflowFailException(f"dpone ended with exit {result.exit_code}")
        if result.exit_code != 0:
            raise AirflowException(f"dpone ended with exit {result.exit_code}")

    def on_kill(self):
        # SIGTERM: the run ends cleanly and resumably.
        self.hook.send_sigterm()


with DAG(
    dag_id="dpone_orders",
    schedule="17 * * * *",
    start_date=datetime(2026, 1, 1),
    # State knows what was loaded, so a run that was missed needs no run of its own.
    catchup=False,
    # A run that is still going keeps the next one out.
    max_active_runs=1,
    default_args={"retries": 4, "retry_delay": timedelta(minutes=1), "retry_exponential_backoff": True},
):
    DponeRun(task_id="run", manifest="orders.yaml")
