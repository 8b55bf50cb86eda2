"""Every option of every command is checked before anything is read, in one line and with exit code 2."""

import argparse
import contextlib
import importlib
import inspect
import math
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optical_lite import __main__, config, vocabulary
from optical_lite.alignment import plans
from optical_lite.bench import runner
from optical_lite.cli import main, options
from optical_lite.config import DistillConfig
from optical_lite.datasets import published
from optical_lite.formats import xglue
from optical_lite.paper import budget, configs
from optical_lite.settings import InputError
from optical_lite.study import demo


def actions():
    """Every option that takes a value, with its command."""
    top = main.parser()
    (commands,) = (action for action in top._actions if isinstance(action, argparse._SubParsersAction))
    for name, sub in commands.choices.items():
        for action in sub._actions:
            if action.nargs != 0:
                yield name, sub, action


@pytest.mark.parametrize(("command", "action"), [(name, action) for name, _, action in actions()])
def test_every_option_has_a_kind(command, action):
    assert callable(action.type)
    assert action.type not in (str, int, float)
    if action.type is options.text:  # what is no text has a name that options.KINDS knows
        assert not isinstance(action.default, int | float)
        assert action.metavar in (None, "NAME", "KIND", "WHERE", "URL")
    for value in ("", "\0"):  # nothing takes these
        with pytest.raises(argparse.ArgumentTypeError):
            action.type(value)


def required(command):
    """The least that a command takes, in a folder that has a file ``right``."""
    words = []
    for _, _, action in (each for each in actions() if each[0] == command and each[2].required):
        value = "new" if action.type in options.WRITE else (action.choices or ["right"])[0]
        words += [*action.option_strings[:1], *[value] * (action.nargs if isinstance(action.nargs, int) else 1)]
    return words


@pytest.mark.parametrize("command", main.COMMANDS)
def test_a_command_takes_its_options_and_nothing_else(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "right").write_text("")
    module = importlib.import_module(f"optical_lite.cli.{command}")
    values = vars(main.parser().parse_args([command, *required(command)]))
    assert values.pop("command") == command
    taken = inspect.signature(module.command)
    for name in {"json", "precision"} - taken.parameters.keys():  # these are main's
        values.pop(name, None)
    taken.bind(**values)
    assert all(p.kind in (p.KEYWORD_ONLY, p.VAR_KEYWORD) for p in taken.parameters.values())


@pytest.mark.parametrize(
    ("option", "known"),
    [
        ("--config", configs.CONFIGS),
        ("--gpu", budget.GPUS),
        ("--fill", vocabulary.FILLS),
        ("--lexicon", vocabulary.LEXICONS),
        ("--recipe", published.RECIPES),
        ("--level", plans.LEVELS),
        ("--trainable", config.TRAINABLE),
        ("--predictions", ("xor", *xglue.LABELS)),
    ],
)
def test_help_names_every_choice(option, known):
    (said,) = {action.help for _, _, action in actions() if option in action.option_strings}
    assert [name for name in known if name not in said] == []


@pytest.mark.parametrize("words", ["--help", "fuse --help"])
def test_help_imports_no_command(words):
    code = "import atexit, sys, optical_lite.__main__ as m; atexit.register(lambda: print(*sys.modules)); "
    code += f"m.main({words.split()})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(found.stdout.splitlines()[-1].split())
    assert "optical_lite.cli.options" in modules
    assert [name for name in main.COMMANDS if f"optical_lite.cli.{name}" in modules] == []
    assert not {"torch", "numpy"} & modules


RULES = [
    (name, case, option)
    for name, one in main.COMMANDS.items() for case, idle in one.idle.items() for option in idle.split()
]  # fmt: skip


def look(command, rules, **given):
    """What is said of options that have their defaults, but for those given."""
    values = {option: how.get("default", False) for option, how in main.COMMANDS[command].options} | given
    values = {option.lstrip("-").replace("-", "_"): value for option, value in values.items()}
    options.idle(command, main.COMMANDS[command].options, rules, values)


@pytest.mark.parametrize(("command", "case", "option"), RULES)
def test_an_option_without_effect_is_refused(command, case, option):
    rules, given = main.COMMANDS[command].idle, {option: "given"}
    look(command, rules)  # as they are, all have one
    for part in case.split(" and "):
        name, _, wanted = part.removeprefix("no ").partition(" ")
        if wanted or not part.startswith("no "):
            given[name] = "another" if part.startswith("no ") else wanted or "given"
    with pytest.raises(InputError, match=f"^{command}: got {option} with.* expected it where it has an effect"):
        look(command, rules, **given)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("evaluate --trec-run right --qrels right --scorer mean", "got --scorer with --trec-run,"),
        ("evaluate --trec-run right --qrels right --collection pocket", "got --collection with --trec-run,"),
        ("evaluate --run encoder --collection pocket --ties trec", "got --ties without --trec-run,"),
        ("align --tsv right --pharaoh links --svg x.svg", "got --svg with --tsv,"),
        ("align maji water --reach 0.1", "got --reach without --method unbalanced and no --html,"),
        (
            "train --bitext pocket --lang sw --out run --loss greedy --epsilon 0.1",
            "got --epsilon without --loss transp",
        ),
        ("tables --dev", "got --dev without --run,"),
        ("paper --config tiny --out x --gpu H100", "got --gpu without --dry-run,"),
        ("paper --config tiny --dry-run --lenient", "got --lenient with --dry-run,"),
        ("index --collection pocket --lang sw --out x --index y", "got --index without --engine,"),
    ],
)
def test_a_line_with_an_option_without_effect_is_refused(tmp_path, monkeypatch, capsys, line, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "right").write_text("")
    assert __main__.main(line.split()) == 2
    assert said in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["right"]


@pytest.mark.parametrize("line", [
    "train --bitext pocket --out run --loss transport+0.1late --epsilon 0.1", "train --bitext pocket --out r --rate 1",
    "align --html a --reach 0.1 --null 0.5", "align maji water --method partial --mass 0.5 --null 0.5",
    "align maji water --run r --teacher t", "search --system r --index i --candidates 9 --out o --teacher t",
    "search --system encoder --model multilingual --scorer mean --out o", "evaluate --trec-run right --qrels right",
    "evaluate --format qam --run r --collection c --tune right", "tables --run --dev --records r --langs sw",
])  # fmt: skip
def test_an_option_with_an_effect_is_taken(tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "right").write_text("")
    values, one = vars(main.parser().parse_args(line.split())), main.COMMANDS[line.split()[0]]
    options.idle("x", one.options, one.idle, values)


def test_what_is_not_there_is_refused_before_the_work(tmp_path, monkeypatch, capsys):
    for module, name in ((demo, "load"), (runner, "environment")):
        monkeypatch.setattr(module, name, lambda *_: pytest.fail("began to work"))
    for name, text in (("bare.md", b"no mark"), ("latin.md", b"caf\xe9")):
        (tmp_path / name).write_bytes(text)
    for line, said in (
        ("demo --model nothing", ""),
        (f"bench --page {tmp_path}/none.md", "none.md: got no such file"),
        (f"bench startup --page {tmp_path}/bare.md", "bare.md: got a page without <!-- table:startup-"),
        (f"bench lessons --page {tmp_path}/latin.md", "latin.md, after line 0: got byte 0xe9"),
    ):
        assert __main__.main(line.split()) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert said in err


WRONG = [
    *(("search", f"--k {k}", "a whole number from 1") for k in ("0", "-3", "1.5", "x", "²", "9" * 31, "1e9")),
    ("search", "--k --5", "expected one argument"),
    *(("fuse", f"--share={share}", "a number from 0 to 1") for share in ("-0.1", "1.01", "nan", "inf", "x", "1_0")),
    ("fuse", "--k 0", "a whole number from 1"),
    *(("train", f"--seed {seed}", "a whole number from 0 to 4294967295") for seed in ("1" * 31, "-1", "2.0")),
    *(("train", f"--steps {steps}", "a whole number from 1") for steps in ("1e9", "0", "10000000000")),
    *(("train", f"--{name} {value}", "got") for name in ("rate", "epsilon") for value in ("0", "-1", "nan", "1e999")),
    ("train", "--row-rate=-1", "a number from 0"),
    ("train", "--batch 0", "a whole number from 1"),
    *(("train", f"--size={size}", "a whole number from 1 to 1000000") for size in (-5, 0, 10**6 + 1, 10**9)),
    ("train", "--lang ../../x", "a language code"),
    ("tables", "--seeds 0 -1", "a whole number from 0"),
    ("tables", "--langs sw s/w", "a language code"),
    ("align", "--layer 0", "a whole number from 1"),
    ("align", "--null=1.5", "a number from 0 to 1"),
    ("align", "--mass 0", "a number above 0 to 1"),
    ("align", "--threshold nan", "a number from 0 to 1"),
    ("paper", "--share 5e-324", "a number from 0.001 to 1"),
    ("bench", "--repetitions 0", "a whole number from 1"),
    ("search", "--out .", "a file to write, got a folder"),
    ("search", "--json right/x.json", "got the file"),
    ("search", f"--collection {'x' * 5000}", "File name too long"),
    ("index", "--out right", "a folder to write into, got the file"),
    ("train", "--out right/run", "got the file"),
    ("significance", "--qrels .", "that is a folder"),
    ("significance", "--qrels nothing", "no such file"),
    ("evaluate", "--trec-run nothing", "no such file"),
    ("fuse", "--share 1 --share 0", "got --share twice"),
    ("fuse", "--k 3 --k=4", "got --k twice"),
    ("fuse", "--sha 1", "unrecognized arguments: --sha 1"),
    ("fuse", "--json ~nobody-of-this-name/x.json", "expected a file to write"),
    ("nothing", "", "invalid choice"),
    ("search", "--colour red", "unrecognized arguments"),
    ("fetch", "--json", "expected one argument"),
]


@pytest.mark.parametrize(("command", "more", "text"), WRONG)
def test_a_wrong_option_is_one_line(tmp_path, monkeypatch, capsys, command, more, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "right").write_text("t Q0 d 1 1 x\n")
    assert __main__.main([command, *required(command), *more.split()]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("error: ")
    assert text in err
    assert os.listdir(tmp_path) == ["right"]


def test_a_blank_text_is_called_blank():
    with pytest.raises(argparse.ArgumentTypeError, match="expected text that is not blank, in UTF-8"):
        options.text("\x1f")


@given(st.integers(-5, 12))
def test_whole_numbers(value):
    parse = options.whole(0, 9)
    if 0 <= value <= 9:
        assert parse(str(value)) == value
    else:
        with pytest.raises(argparse.ArgumentTypeError):
            parse(str(value))


@given(st.floats())
def test_numbers(value):
    parse = options.number(-2, 1e6, above=True)
    if -2 < value <= 1e6:
        assert parse(repr(value)) == value
    else:
        with pytest.raises(argparse.ArgumentTypeError):
            parse(repr(value))
    assert math.isfinite(options.number(-math.inf)("-1e308"))


@given(st.text())
def test_any_text_is_a_number_or_refused(value):
    for parse in (options.whole(0), options.number(-math.inf), options.code, options.text, options.somewhere):
        with contextlib.suppress(argparse.ArgumentTypeError):
            assert parse(value) is not None


def test_places(tmp_path, monkeypatch):
    file, missing = tmp_path / "file", tmp_path / "new" / "deep"
    file.write_text("")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for parse, right in (
        (options.existing, [file, "/dev/null"]), (options.new_file, [file, missing, tmp_path / "link", "/dev/null"]),
        (options.new_folder, [tmp_path, missing]), (options.somewhere, ["afriqa", file, missing]),
    ):  # fmt: skip
        assert [parse(str(path)) for path in right] == list(map(str, right))
    for parse, wrong in (
        (options.existing, [tmp_path, missing]), (options.new_file, [tmp_path, file / "x", tmp_path / "loop"]),
        (options.new_folder, [file, file / "x", tmp_path / "loop"]), (options.somewhere, [tmp_path / "loop"]),
    ):  # fmt: skip
        for path in wrong:
            with pytest.raises(argparse.ArgumentTypeError, match="expected"):
                parse(str(path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for parse in (options.somewhere, options.existing, options.new_file):
        assert parse("~/file") == str(file)
    assert options.new_folder("~/new") == str(tmp_path / "new")
    monkeypatch.setattr(os, "access", lambda *_: False)
    for parse in (options.new_file, options.new_folder):
        with pytest.raises(argparse.ArgumentTypeError, match="got no permission"):
            parse(str(missing))


@pytest.mark.parametrize(
    "wrong",
    [
        {"keep": (20, 9999)},
        {"rate": math.nan},
        {"row_rate": math.nan},
        {"warmup": math.inf},
        {"seed": 10**400},
        {"seed": -1},
    ],
)
def test_a_training_is_not_asked_to_do_what_no_number_says(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        DistillConfig(**wrong)
