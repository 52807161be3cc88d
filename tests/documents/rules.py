"""How each command of the documents is run by the tests; a new one needs a rule here.

Most run exactly as they stand. For those that need what a test hasn't got (a cluster, a
container engine, an hour), the rule says what is run instead, and why.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

TRAIN = "make train PICTURES=photos"
EXPORT = "make export-model"
MODEL_SERVER = "make model-server"
REINDEX = "make reindex PICTURES=photos"
SERVE = "make serve"
ADMIN_KEY = "lookalike api-key office --admin --file keys.txt"
ADD = "lookalike add new.jpg --id birds/owl --label bird --attribute price=12.5"
MINE = "lookalike add photo.jpg --id birds/mine --label birds"
EXTRACT = "lookalike extract pictures/"
PART = "lookalike extract s3://bucket/pictures --part 3 --of 8"
TOYS = "mkdir toys"
TOY_SERVER = (
    "tensorflow_model_server --rest_api_port=8501 --model_name=toy --model_base_path=$PWD/toys &"
)

MAKE_DATABASE = (
    'import pathlib, sqlite3; made = sqlite3.connect("shop.sqlite"); '
    'made.execute("CREATE TABLE pictures (id, uri)"); '
    'files = [str(p.absolute()) for p in pathlib.Path("photos").glob("*/*")]; '
    'made.executemany("INSERT INTO pictures VALUES (?, ?)", [(f, f) for f in files]); '
    "made.commit()"
)
CALIBRATE = (
    "from indexing.planner import calibration; from lookalike.cli import main; "
    'calibration.LEAST_VECTORS = 3000; main(["plan", "--calibrate", "--vectors", "3k"])'
)
COUNT_EPOCHS = (
    "import pathlib, tensorflow; "
    'files = pathlib.Path("runs").glob("photos-*/contrastive/validation/events.*"); '
    "read = tensorflow.compat.v1.train.summary_iterator; "
    "assert max(event.step for file in files for event in read(str(file))) > 1"
)
NO_ENGINE = "building needs a container engine and the internet; tests/k8s reads the Dockerfiles"
NO_CLUSTER = "there is no cluster: flags and names are checked, and that only the server lacks"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How to run the commands that ``pattern`` matches wholly.

    Attributes:
        after: commands that must have run before.
        instead: what is run in its place; groups of the pattern are filled in.
        why: the reason for ``instead``, or for ``cluster``.
        serves: URL that answers 200 once it's up: a server, which goes on in the background,
            as does what ends with an ampersand.
        cluster: it talks to a cluster, and must fail for want of one only.
        environment: more variables; ``{names}`` are the site's addresses.
        replace: text of the document, by what stands for it here.
        long: takes more than a few seconds.
    """

    pattern: str
    after: tuple[str, ...] = ()
    instead: str | None = None
    why: str = ""
    serves: str | None = None
    cluster: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    replace: dict[str, str] = field(default_factory=dict)
    long: bool = False


def rule_for(command: str, rules: Iterable[Rule]) -> Rule | None:
    """Give the first rule that matches a whole command."""
    return next((rule for rule in rules if re.fullmatch(rule.pattern, command)), None)


RULES = (
    # README.md
    Rule(
        pattern="make demo",
        instead="make demo-check ARGS='photos --size 32 --queries 2'",
        why="it serves until Ctrl-C; tests/demo runs it on the sample pictures",
        long=True,
    ),
    Rule(
        pattern="make (test|test-all|lint|typecheck)",
        instead=r"make --dry-run \1",
        why="it's what runs these tests",
    ),
    Rule(pattern="make (setup|help|manifests|docs)"),
    # On smaller pictures, and few views of them: what is served computes for all that comes after.
    Rule(pattern=TRAIN, environment={"ARGS": "--size 32 --views 1"}),
    Rule(pattern="make evaluate", long=True, after=(TRAIN,)),
    Rule(pattern=EXPORT, after=(TRAIN,)),
    Rule(pattern=MODEL_SERVER, after=(EXPORT,), serves="http://{rest}/v1/models/embedder"),
    Rule(pattern=REINDEX, after=(MODEL_SERVER,)),
    Rule(pattern=SERVE, after=(REINDEX,), serves="http://{bind}/readyz"),
    Rule(pattern=r"make search PICTURE=photo\.jpg", after=(SERVE,)),
    # CONTRIBUTING.md
    Rule(
        pattern=r"\.venv/bin/pytest tests/picture .*",
        instead=".venv/bin/pytest tests/picture/test_crop.py -q",
        why="all of them take a minute, and run by themselves",
    ),
    Rule(
        pattern=r"\.venv/bin/pytest tests/documents/test_references\.py -q",
        instead=".venv/bin/pytest tests/documents/test_references.py --collect-only -q",
        why="it runs beside this very test",
    ),
    Rule(
        pattern=r"\.venv/bin/python -m reference",
        instead=".venv/bin/python -c 'import reference; [p() for p in reference.PAGES.values()]'",
        why="it writes into the project itself",
    ),
    # docs/benchmarks.md
    Rule(pattern=r"\.venv/bin/python -m bench --list"),
    Rule(pattern=r"\.venv/bin/python -m bench\.\w+ --quick( .*)?", long=True),
    Rule(
        pattern=r"(\.venv/bin/python -m bench\.\w+)",
        instead=r"\1 --quick",
        why="at full length it takes minutes",
        long=True,
    ),
    Rule(
        pattern="make bench",
        instead=".venv/bin/python -m bench --quick opening reindex",
        why="at full length it takes an hour, and its goals want a quiet machine",
        long=True,
    ),
    # docs/deploy.md
    Rule(pattern="make images", instead="make --dry-run images", why=NO_ENGINE),
    Rule(
        pattern=r"kind load docker-image (\S+) (\S+)",
        instead=r"kubectl kustomize k8s/overlays/local >all; grep -q \1 all && grep -q \2 all",
        why=NO_ENGINE,
    ),
    Rule(
        pattern=r"kubectl apply -k (\S+)",
        instead=r"kubectl kustomize \1",
        why="there is no cluster; tests/k8s holds what is rendered against the schemas",
    ),
    Rule(pattern="kubectl config .*"),
    Rule(
        pattern=r"(\w+=\$\(|\(cd \w+ && tar cf - \*\) \| )?kubectl .*", cluster=True, why=NO_CLUSTER
    ),
    Rule(pattern="lookalike export-model", after=(TRAIN,)),
    Rule(
        pattern=r"(curl .*) http://127\.0\.0\.1:8080(/index/rollback)",
        after=(SERVE,),
        instead=r"lookalike reindex photos --rebuild && \1 --fail-with-body http://{bind}\2",
        why="other commands go back too, and there has to be a version before",
    ),
    Rule(
        pattern=r"curl (?!.*crow).*",
        after=(SERVE,),
        replace={
            "curl ": "curl --fail-with-body ",
            "127.0.0.1:8080": "{bind}",
            "localhost:8080": "{bind}",
        },
    ),
    # Other commands index other pictures meanwhile, so that the one named may not be there.
    Rule(
        pattern="curl .*",
        after=(SERVE,),
        replace={
            "127.0.0.1:8080": "{bind}",
            "localhost:8080": "{bind}",
            "bird/crow.png": "label-0/1.png",
            "bird/owl.png": "label-1/1.png",
        },
    ),
    # docs/catalogues.md
    Rule(
        pattern="lookalike reindex /data/shop",
        after=(REINDEX,),
        replace={"/data/shop": "photos"},
    ),
    Rule(
        pattern=r"lookalike reindex /data/shop\.csv",
        after=(REINDEX,),
        instead="(echo id,uri,label; for file in photos/*/*; do echo $file,$file,shoe; done)"
        " >shop.csv; lookalike reindex shop.csv",
        why="the list has to be made first",
    ),
    Rule(
        pattern="lookalike reindex s3://.*",
        instead="lookalike reindex --help",
        why="there is no S3 here; tests/lookalike/catalogue lists a server that speaks it",
    ),
    Rule(
        pattern="lookalike reindex (postgresql|sqlite).* --query .*",
        after=(REINDEX,),
        instead=f"python -c '{MAKE_DATABASE}'; "
        'lookalike reindex "sqlite:///$PWD/shop.sqlite" --query "SELECT id, uri FROM pictures"',
        why="a database has to be made first; tests/lookalike/catalogue asks a PostgreSQL server",
    ),
    Rule(pattern=r"python examples/find_duplicates\.py photos", after=(SERVE,)),
    Rule(
        pattern=r"examples/search\.sh photo\.jpg .*",
        after=(SERVE,),
        replace={"127.0.0.1:8080": "{bind}"},
    ),
    Rule(
        pattern="locust .*",
        after=(SERVE,),
        replace={"127.0.0.1:8080": "{bind}", "--run-time 1m": "--run-time 3s"},
    ),
    # docs/observability.md
    Rule(
        pattern=r"(python examples/draw_dashboard\.py) .*",
        instead=r"\1 --help",
        why="it takes Prometheus; tests/examples/test_dashboard.py unpacks that and draws",
    ),
    # docs/doctor.md
    Rule(
        pattern="lookalike doctor.*",
        after=(SERVE,),
        replace={"127.0.0.1:8080": "{bind}", "http://search-api": "http://{bind}"},
    ),
    # docs/extraction.md
    Rule(pattern=EXTRACT, after=(MODEL_SERVER,)),
    Rule(
        pattern=PART,
        after=(MODEL_SERVER,),
        replace={"s3://bucket/pictures": "pictures"},
    ),
    Rule(pattern=r"lookalike quarantine --of 8 --contact-sheet quarantine\.jpg", after=(PART,)),
    # docs/index.md
    Rule(
        pattern="python3 -m http.server .* 8000",
        after=("make docs",),
        replace={" 8000": " {pages_port}"},
        serves="http://127.0.0.1:{pages_port}/index.html",
    ),
    # docs/tutorial.md, docs/delete.md
    Rule(pattern=r"source \.venv/bin/activate"),
    Rule(pattern=MINE, after=(REINDEX,)),
    Rule(pattern="lookalike delete birds/mine", after=(MINE,)),
    Rule(pattern="lookalike reindex photos --rebuild", after=(MODEL_SERVER,)),
    Rule(
        pattern=r"lookalike index prune (--keep 1.*)",
        after=(REINDEX,),
        instead=r"cp -r store pruned-store; LOOKALIKE_STORE=pruned-store lookalike index prune \1;"
        " rm -r pruned-store",
        why="other commands go back to what it removes",
    ),
    # docs/migrate.md, docs/train.md, docs/tune.md
    Rule(pattern="lookalike train photos --force", long=True, after=(TRAIN,)),
    Rule(
        pattern="lookalike reindex photos --(model-version 1|rebuild --recall 0.99)", after=(SERVE,)
    ),
    # docs/indexing.md
    Rule(pattern="lookalike reindex pictures/", after=(MODEL_SERVER,)),
    Rule(pattern="lookalike index (list|show|verify|prune)", after=(REINDEX,)),
    Rule(pattern="lookalike index rollback", after=(REINDEX, "lookalike reindex pictures/")),
    Rule(pattern=re.escape(ADD), after=(REINDEX,), replace={"new.jpg": "photo.jpg"}),
    Rule(pattern="lookalike delete .*", after=(ADD,)),
    # docs/model_server.md
    Rule(pattern=TOYS),
    Rule(
        pattern=re.escape(TOY_SERVER),
        after=(TOYS,),
        instead="lookalike model-server --local --model-name toy --model-base-path toys"
        " --rest-port {toy_port} --grpc-port 0 --no-batching --poll-seconds 0.1 &",
        why="TensorFlow Serving comes as a container image only",
        long=True,
    ),
    Rule(
        pattern=r"\.venv/bin/pytest tests/model_server/test_conformance.py .*",
        after=(TOY_SERVER,),
        replace={"127.0.0.1:8501": "127.0.0.1:{toy_port}"},
        long=True,
    ),
    # docs/observability.md
    Rule(
        pattern=r"pip install -c constraints\.txt '\.\[search,tracing\]'",
        instead="test -f constraints.txt && grep -q '^tracing = ' pyproject.toml",
        why="it is installed here, and pip would replace this very installation",
    ),
    Rule(
        pattern=r"LOOKALIKE_OTLP_ENDPOINT=\S+ lookalike serve",
        after=(REINDEX,),
        environment={"LOOKALIKE_BIND": "{traced_bind}"},
        serves="http://{traced_bind}/readyz",
    ),
    # docs/planning.md
    Rule(
        pattern="lookalike plan --calibrate",
        instead=f"python -c '{CALIBRATE}'",
        why="with all its vectors it takes a minute, and fewer are refused",
        long=True,
    ),
    Rule(pattern="lookalike plan --pictures .*"),
    # docs/search_api.md
    Rule(pattern=r"lookalike search photo\.jpg -k 5", after=(SERVE,)),
    Rule(pattern="lookalike search --help"),
    Rule(pattern=f"lookalike api-key (web|partner --rate 20 --burst 40)|{ADMIN_KEY}"),
    Rule(
        pattern=r"LOOKALIKE_API_KEYS=keys\.txt lookalike serve",
        after=(REINDEX, ADMIN_KEY),
        environment={"LOOKALIKE_BIND": "{keyed_bind}"},
        serves="http://{keyed_bind}/readyz",
    ),
    Rule(
        pattern=r"LOOKALIKE_URL_HOSTS=\S+ lookalike serve",
        after=(REINDEX,),
        environment={"LOOKALIKE_BIND": "{fetching_bind}"},
        serves="http://{fetching_bind}/readyz",
    ),
    Rule(
        pattern=r"LOOKALIKE_STORE=store supervisord -c search_api/supervisord\.conf",
        after=(REINDEX,),
        environment={
            "LOOKALIKE_BIND": "{supervised_bind}",
            "LOOKALIKE_MODEL_SERVER_REST": "http://{supervised_rest}",
            "LOOKALIKE_MODEL_SERVER_GRPC": "{supervised_grpc}",
        },
        serves="http://{supervised_bind}/readyz",
        long=True,
    ),
    # docs/torture.md
    Rule(
        pattern=r"lookalike torture --url http://127\.0\.0\.1:8080",
        after=(SERVE,),
        long=True,
        # How fast it is, a machine that runs tests cannot tell.
        replace={
            "--url http://127.0.0.1:8080": "--most-seconds 60 --timeout 60 --url http://{bind}"
        },
    ),
    Rule(
        pattern="lookalike torture .*",
        after=(SERVE,),
        replace={
            # Bombs through VGG16 on a processor, beside other tests: tests/torture sends them.
            "--kinds bombs,fuzz": "--most-seconds 60 --timeout 60 --kinds fuzz",
            "--fuzz 300": "--fuzz 10",
            "https://search.example.org --key KEY": "http://{bind}",
        },
    ),
    # docs/training.md
    Rule(pattern="lookalike train photos", long=True),  # as make train
    Rule(
        pattern="lookalike train ~/.cache/lookalike/samples/stamps .*",
        replace={"~/.cache/lookalike/samples/stamps": "photos"},
        long=True,
    ),
    Rule(pattern="lookalike train photos --validation other-photos", long=True),
    Rule(pattern="lookalike train photos --strict", long=True),
    Rule(
        pattern="lookalike train photos --tensorboard runs",
        replace={"photos": "photos --force"},
        long=True,
    ),
    Rule(
        pattern="tensorboard --logdir runs",
        long=True,
        after=("lookalike train photos --tensorboard runs",),
        instead="python -c '" + COUNT_EPOCHS + "'",
        why="TensorBoard is not installed here; TensorFlow reads the same files",
    ),
    Rule(pattern="lookalike train photos --backbone efficientnet-lite0", long=True),
    Rule(pattern="lookalike train photos --unfreeze-from block5_conv1", long=True),
    Rule(pattern=r"lookalike evaluate", long=True, after=(TRAIN,)),  # as make evaluate
    Rule(
        pattern=r"lookalike evaluate --html reports/monday\.html --json >reports/monday\.json",
        long=True,
        after=(TRAIN,),
        instead=r"mkdir -p reports; \g<0>",
        why="the folder has to be there",
    ),
    Rule(pattern="lookalike evaluate --against 1", long=True, after=(TRAIN, EXPORT)),
)
