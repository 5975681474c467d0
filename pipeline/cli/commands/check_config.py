"""`tokio-pipeline check-config`: whether site.json is right."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping

from archive_tools.cli import printing
from archive_tools.core.errors import ConfigError, MissingPackage
from archive_tools.core.extras import check_extra
from archive_tools.jobs.table_files import JOB_STATS, SLURM
from archive_tools.store import files
from pipeline import site as sites
from pipeline.building import archive_identity, silence
from pipeline.building.archive_folder import write_about
from pipeline.building.instance_day import InstanceDay
from pipeline.building.site_cache import load_checked
from pipeline.building.trial import Trial, try_source
from pipeline.cli import exit_codes, site_options, site_schema, trial_text
from pipeline.processes import confined
from pipeline.sources import registry as sources


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    if options.schema:
        sys.stdout.write(site_schema.as_text(site_schema.site_schema(sources.kinds())))
        return exit_codes.COMPLETE
    if options.ask is None and (options.json or options.instance):
        raise ConfigError("--json and --instance go with --ask")
    path = sites.find(options.site)
    site = load_checked(options.site, strict=True)
    checked = sources.check(site)
    if options.accept:
        with files.permissions(site.file_mode):
            write_about(site)
    if not options.json:
        _show(f"{path}", site, checked)
    archive_identity.check(site)
    lacking = _lacking(site, checked)
    for line in lacking:
        print(line, file=sys.stderr)
    code = exit_codes.FAILED if lacking else exit_codes.COMPLETE
    return code if options.ask is None else exit_codes.worst([code, _ask(options, site, checked)])


def _show(path: str, site: sites.Site, checked: Mapping[str, sites.SourceOptions]) -> None:
    print(f"{path}: good")
    print(f"site {site.site}, days of {site.timezone}, archive {site.root}")
    for instance, found in checked.items():
        print(
            f"{instance}: {found.kind}, a row every {found.timestep} s"
            + (
                f", kept by the source for {found.retention_days:g} days"
                if found.retention_days
                else ""
            )
        )
        for sentence in (*found.doubts, *_without_scheduler(instance, site, checked)):
            print(f"  look again: {sentence}")
    if any(found.kind == "darshan" for found in checked.values()):
        where = "" if isinstance(site.engine, sites.LocalEngine) else " here (workers: look there)"
        print(f"readers of Darshan logs: {confined.described()}{where}")


def _without_scheduler(
    instance: str, site: sites.Site, checked: Mapping[str, sites.SourceOptions]
) -> Iterator[str]:
    """Says of logs and of job_stats that no scheduler's jobs are theirs, as none of several is
    named.
    """
    several = [name for name, found in checked.items() if found.kind == SLURM]
    has_jobs = checked[instance].kind in ("darshan", JOB_STATS)
    if has_jobs and len(several) > 1 and instance not in site.schedulers:
        yield f"schedulers does not say which of {', '.join(several)} ran its jobs"


def _ask(
    options: argparse.Namespace, site: sites.Site, checked: Mapping[str, sites.SourceOptions]
) -> int:
    """Try the sources, one after the other; the exit code."""
    day = site.day(site_options.one_date(options.ask, site))
    silence.begin_run()
    trials: list[Trial] = []
    for instance in site_options.instances(options, site):
        trials.append(
            try_source(InstanceDay(site, instance, day, checked[instance]), printing.note)
        )
        if not options.json:
            trial_text.show(trials[-1])
    if options.json:
        found = {trial.instance: trial_text.as_json(trial) for trial in trials}
        printing.show_json({"day": str(day), "sources": found})
    return exit_codes.worst(exit_codes.OF_SEVERITY[trial_text.severity(one)] for one in trials)


def _lacking(site: sites.Site, checked: Mapping[str, sites.SourceOptions]) -> list[str]:
    """A line for each source, and for the engine, whose packages are not installed."""
    needed = [
        (found.needed_extra, f"{instance}: a source of kind {found.kind}")
        for instance, found in checked.items()
    ]
    if isinstance(site.engine, sites.DaskEngine):
        needed.append(("dask", "engine: Dask"))
    lines = []
    for extra, what in needed:
        try:
            if extra:
                check_extra(extra, what)
        except MissingPackage as error:
            lines.append(str(error))
    return lines
