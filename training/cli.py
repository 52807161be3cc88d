"""``lookalike train`` and ``lookalike evaluate``; nothing heavy is imported before they run."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
import msgspec
from msgspec.structs import FieldInfo

from lookalike.cores import cores
from lookalike.errors import ConfigurationError, VersionNotFound
from lookalike.flags import Number, json_flag, together
from lookalike.misfit import misfit
from lookalike.model_card import FILE_NAME as CARD_FILE
from lookalike.picture.contract import SMALLEST_SIZE, PictureContract
from lookalike.settings import Settings
from training.output import FORMATS, absolute, check_writable
from training.request import (
    BACKBONE_NAMES,
    VIEW_PRECISIONS,
    HeadSettings,
    TrainingRequest,
    TuningSettings,
)

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
REPORT_FILE = "evaluation.html"
SHARE = Number(0, 1, min_open=True, max_open=True)
STAGES: tuple[type[msgspec.Struct], ...] = (HeadSettings, TuningSettings)
DEFAULTS = {
    field.name: field.default
    for struct in (TrainingRequest, PictureContract)
    for field in msgspec.structs.fields(struct)
}

Command = Callable[..., None]


def _stage_options(command: Command) -> Command:
    """Add one flag for each setting of a stage of training; msgspec checks the limits."""
    fields = (field for stage in STAGES for field in msgspec.structs.fields(stage))
    return together(*map(_option, fields))(command)


def _option(field: FieldInfo) -> Callable[[Any], Any]:
    annotation, described = get_args(field.type)
    return click.option(
        f"--{field.name.replace('_', '-')}",
        type=_kind(annotation, described),
        default=field.default,
        show_default=field.default is not None,
        help=described.description,
    )


def _kind(annotation: Any, described: msgspec.Meta) -> Any:
    """Give what click checks a value by."""
    if annotation is float:
        least, most = (
            closed if bound is None else bound
            for closed, bound in ((described.ge, described.gt), (described.le, described.lt))
        )
        return Number(
            least, most, min_open=described.gt is not None, max_open=described.lt is not None
        )
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    return str if annotation == str | None else annotation


@click.command()
@click.argument("pictures", type=FOLDER)
@click.option("--validation", type=FOLDER, help="Folder of labelled folders to judge by.")
@click.option(
    "--validation-share",
    type=SHARE,
    default=DEFAULTS["validation_share"],
    show_default=True,
    help="Share of each category to hold out, without --validation.",
)
@click.option("--output", type=FOLDER, help="Where the model goes.  [default: <store>/training]")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(FORMATS),
    default=DEFAULTS["file_format"],
    show_default=True,
    help="File format of the whole model.",
)
@click.option(
    "--size",
    type=click.IntRange(min=SMALLEST_SIZE),
    default=DEFAULTS["size"],
    show_default=True,
    help="Side in pixels of what the model sees; the cost grows with its square.",
)
@click.option(
    "--fit",
    type=click.Choice(["pad", "stretch"]),
    default=DEFAULTS["fit"],
    show_default=True,
    help="Keep a picture's proportions, on white, or stretch it to the square.",
)
@click.option(
    "--backbone",
    type=click.Choice(BACKBONE_NAMES),
    default=DEFAULTS["backbone"],
    show_default=True,
    help="What embeds pictures before dense_1 does; docs/training.md compares them.",
)
@click.option(
    "--views",
    type=click.IntRange(min=0),
    default=DEFAULTS["views"],
    show_default=True,
    help="Augmented views of each training picture, besides itself.",
)
@click.option(
    "--view-precision",
    type=click.Choice(VIEW_PRECISIONS),
    default=DEFAULTS["view_precision"],
    show_default=True,
    help="Precision that these go through the base in; the fastest is bfloat16 on many machines.",
)
@click.option(
    "--weights",
    type=FILE,
    help="A file of the backbone's weights: .h5 or .weights.h5.  [default: LOOKALIKE_WEIGHTS]",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=cores,
    help="Threads that read pictures.  [default: one a core]",
)
@click.option(
    "--strict", is_flag=True, help="Refuse to train where anything in the folders cannot be used."
)
@click.option(
    "--tensorboard", type=FOLDER, help="Folder for event files, which tensorboard --logdir shows."
)
@click.option("--force", is_flag=True, help="Train also where this very model is there.")
@json_flag("the model's card")
@_stage_options
def train(pictures: Path, output: Path | None, force: bool, as_json: bool, **options: Any) -> None:
    """Fine-tune a backbone on PICTURES, a folder of labelled folders.

    Where the output folder holds the model of the same pictures and flags already,
    nothing is done.
    """
    from lookalike.catalogue import Folder
    from training.finished import follow_pictures
    from training.folder_checks import check_labels
    from training.kept import keep, output_folder

    catalogue = Folder(pictures)
    check_labels(catalogue.labels(), pictures, catalogue.links())  # before TensorFlow is loaded
    settings = Settings.from_environment()
    folder = absolute(output or output_folder(settings))
    check_writable(folder.parent, "name another folder with --output")
    if options["tensorboard"] is not None:
        check_writable(options["tensorboard"], "name another folder with --tensorboard")
    request = _request(pictures, folder, options, settings)
    found = None if force else _found(request, settings, kept=output is None)
    if found is not None:
        click.echo(f"{found} holds this model already; --force trains it again", err=True)
        if found == request.output:
            follow_pictures(request)
    else:
        usual = output is None and settings.store == Settings().store
        _train(request, settings, usual=usual, as_json=as_json)
    # Where a run was killed between the two, the next one keeps what it left.
    ours = output is None and found in (None, request.output)
    if ours and (place := keep(settings)) is not None:
        click.echo(f"kept as {place}", err=True)
    if as_json:
        click.echo(((found or request.output) / CARD_FILE).read_text(), nl=False)


@click.command()
@click.option(
    "--model", type=FOLDER, help="Output folder of training.  [default: <store>/training]"
)
@click.option("--pictures", type=FOLDER, help="Where the training pictures are now, if moved.")
@click.option("--validation", type=FOLDER, help="Where the held-out pictures are now, if moved.")
@click.option(
    "--against",
    type=click.IntRange(1),
    metavar="VERSION",
    help="Say whether it is better or worse than this exported version, or neither for sure.",
)
@json_flag("all figures")
@click.option(
    "--html",
    "html_file",
    type=FILE,
    default=REPORT_FILE,
    show_default=True,
    help="Write the report to this file: one page with pictures, for any browser.",
)
@click.option("--no-html", is_flag=True, help="Print the tables alone; it takes less time.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=cores,
    help="Threads that read pictures.  [default: one a core]",
)
def evaluate(
    model: Path | None,
    pictures: Path | None,
    validation: Path | None,
    against: int | None,
    as_json: bool,
    html_file: Path,
    no_html: bool,
    workers: int,
) -> None:
    """Measure how well held-out pictures find their own kind, before and after fine-tuning.

    The report shows that by pictures: what is confused, the hardest queries, a map; and what
    the data are like. It is replaced where there is one.
    """
    settings = Settings.from_environment()
    if not no_html:
        check_writable(html_file.parent, "name another file with --html, or pass --no-html")
    if against is not None:  # before TensorFlow is loaded
        _check_version(against, settings)
    from training.against import compare_with_version
    from training.evaluation import as_text
    from training.judging import judge, open_saved
    from training.kept import newest_folder

    # Another training puts a new folder behind the link.
    folder = (model or newest_folder(settings)).resolve()
    saved = open_saved(folder, settings, workers, pictures, validation)
    say = partial(click.echo, err=True)
    report = judge(saved, say)
    click.echo(as_text(report), err=as_json)
    compared = None
    if against is not None:
        compared = compare_with_version(saved, against, settings, workers, say)
        click.echo(f"\n{compared}", err=as_json)
    if no_html and not as_json:
        return
    from training.report.measure import evaluation
    from training.report.writing import figures_json, write_page

    measured = evaluation(folder, saved, report, compared)
    if as_json:
        click.echo(figures_json(measured), nl=False)
    if not no_html:
        write_page(measured, saved, html_file)
        click.echo(f"the report is {html_file.absolute().as_uri()}", err=True)


def _request(
    pictures: Path, output: Path, options: dict[str, Any], settings: Settings
) -> TrainingRequest:
    """Make a request of a command's options, before hours of work."""
    head, tuning = (
        _checked({name: options.pop(name) for name in stage.__struct_fields__}, stage)
        for stage in STAGES
    )
    if tuning.unfreeze_from is None and tuning != TuningSettings():
        raise click.UsageError("--tuning-… are of the second stage: name --unfreeze-from too")
    return TrainingRequest(
        pictures=pictures,
        output=output,
        contract=PictureContract(size=options.pop("size"), fit=options.pop("fit")),
        weights=_weights(options.pop("weights"), settings),
        head=head,
        tuning=tuning,
        **options,
    )


def _train(request: TrainingRequest, settings: Settings, *, usual: bool, as_json: bool) -> None:
    """Train, and say what came of it; ``usual`` is a model that evaluate finds by itself."""
    from training.evaluation import as_text
    from training.fine_tune import fine_tune

    report = fine_tune(request, settings, lambda line: click.echo(line, err=True))
    click.echo(as_text(report), err=as_json)
    click.echo(f"saved {request.output}", err=True)
    where = "" if usual else f" --model {request.output}"
    click.echo(f"a report with pictures: 'lookalike evaluate{where}'", err=True)


def _found(request: TrainingRequest, settings: Settings, *, kept: bool) -> Path | None:
    """Name the folder that holds the very model; where the store keeps it, it may be a copy."""
    from training.finished import is_finished
    from training.kept import newest_folder

    if is_finished(request, settings):
        return request.output
    elsewhere = newest_folder(settings) if kept else request.output
    if elsewhere != request.output and is_finished(
        msgspec.structs.replace(request, output=elsewhere), settings
    ):
        return elsewhere
    return None


def _check_version(version: int, settings: Settings) -> None:
    """See that a version is there, before all the work that comes before comparing with it.

    Raises:
        VersionNotFound: the store has no such version.
    """
    from lookalike.store import open_models

    models = open_models(settings.store, settings.model)
    there = models.versions()
    if str(version) not in there:
        has = ", ".join(there) or "none yet: 'lookalike export-model' makes one"
        raise VersionNotFound(f"--against: {models.root} has no version {version}; it has {has}")


def _weights(given: Path | None, settings: Settings) -> Path | None:
    """Choose the user's own file of weights; None: there is none."""
    file = given or (Path(settings.weights) if settings.weights else None)
    if file is not None and not file.is_file():
        raise ConfigurationError(f"there is no weights file {file}")
    return file


def _checked(given: dict[str, Any], stage: type[Any]) -> Any:
    try:
        return msgspec.convert(given, stage)
    except msgspec.ValidationError as error:
        wrong = misfit(error)
        raise click.UsageError(f"--{wrong.field.replace('_', '-')} {wrong.said}") from error
