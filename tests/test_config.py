import pytest
from pydantic import TypeAdapter

from plait import Config
from plait._errors import ConfigError
from plait._yaml import parse, quoted


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("no", "no"), ("012", "012"), ("1:30", "1:30"), ("2020-01-01", "2020-01-01"),
     ("true", True), ("~", None), ("", None), ("'5'", "5"), ("-3", -3), ("1_000", "1_000"),
     ("0x10", "0x10"), (".5", 0.5), ("1.", 1.0), ("123456789012345678901", "123456789012345678901"),
     ("=", "="), ("[a, 1]", ["a", 1]), ('{"a":1}', {"a": 1})],
)  # fmt: skip
def test_plain_values_are_what_they_seem(text, value):
    found = parse(text, "It")
    assert found == value
    assert type(found) is type(value)


def test_names_stay_text():
    text = "no: 1\n012: 2\n1e3: 3\ntrue: 4\n~: 5\n<<: 6"
    assert list(parse(text, "It")) == ["no", "012", "1e3", "true", "~", "<<"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &x [1]\nb: *x", "line 1, column 4: '&x' is not taken"),
        ("a: *x", r"an alias \(\*x\) is not taken"),
        ("a: !!python/name:os.system x", "python/name:os.system' is not taken"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: the name 'a' is given twice"),
        ("? [a]\n: 1", "a name should be a single text"),
        ("a: 1\n---\nb: 2", "one document"),
        ("a: [1", "is not YAML. Line [12], column"),
        ("a: \x07", "is not YAML"),
        ("[" * 33 + "]" * 33, "at most 32 levels"),
        ("a: '" + "x" * 2**20 + "'", "at most 1 MiB"),
        ("a: '" + "é" * 2**19 + "'", "at most 1 MiB"),
    ],
)
def test_what_could_hurt_is_refused(text, told):
    with pytest.raises(ConfigError, match=told):
        parse(text, "It")


def test_an_alias_bomb_is_refused_before_it_grows():
    bomb = "a: &a [x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdef", "bcdefg"))  # noqa: B905
    with pytest.raises(ConfigError, match="line 1"):
        Config.read(bomb)


@pytest.mark.parametrize(
    "text", ["a", "a b", "no", "012", "1e-3", "a: b", "#a", "it's", '"', "", " a", "a\nb", "\x85",
             "\x7f", "-", "~", "*a", "&a", "!a", "é", "null", "1:30", "x" * 300 + " y"],
)  # fmt: skip
def test_quoted_text_comes_back(text):
    import yaml

    assert parse(quoted(text), "It") == text
    assert yaml.safe_load(quoted(text)) == text


def test_a_configuration_comes_back_from_its_own_words():
    import yaml

    config = Config.read("targets: [a]\nfusion: {name: Mean}\ntraining: {learning_rate: 1e-5}")
    words = yaml.safe_dump(TypeAdapter(Config).dump_python(config, mode="json"))
    assert Config.read(words) == config


def test_an_empty_file_and_empty_parts_are_the_defaults():
    assert Config.read("") == Config()
    assert Config.read("training:\ntargets:\ndata:") == Config()


@pytest.mark.parametrize("text", ["[a]", "5", "words"])
def test_a_file_that_is_no_mapping_is_refused(text):
    with pytest.raises(ConfigError, match="should be a mapping of names"):
        Config.read(text)


@pytest.mark.parametrize("targets", ["[a, b]", "{a: , b: }"])
def test_targets_are_a_list_or_a_mapping(targets):
    assert Config.read(f"targets: {targets}").targets == {"a": None, "b": None}
    assert Config().changed([f"targets={targets}", "targets.a.log=true"]).targets == {
        "a": {"log": True},
        "b": None,
    }


def test_settings_change_what_they_name():
    changed = Config().changed(
        [
            "inputs.'a.b'.type=text",
            'inputs."c=d"=ignore',
            "inputs.it's here=image",
            "inputs.it's here.size=64",
            "fusion=Mean",
            "balancing=mymodule:MyBalancer",
            "training.epochs=5",
            "data.valid=0.2",
        ]
    )
    assert changed.inputs == {
        "a.b": {"type": "text"},
        "c=d": "ignore",
        "it's here": {"type": "image", "size": 64},
    }
    assert changed.fusion == "Mean"
    assert changed.balancing == "mymodule:MyBalancer"
    assert changed.training.epochs == 5
    assert changed.data.valid == 0.2
    assert Config().training.epochs is None


@pytest.mark.parametrize("setting", ["a", "=1", "a..b=1", ".a=1", "'a=1", "a.=1", "''=1"])
def test_a_setting_has_a_form(setting):
    with pytest.raises(ConfigError, match=r"path\.to\.key=value"):
        Config().changed([setting])


def test_below_a_number_there_is_nothing_to_set():
    with pytest.raises(ConfigError, match="nothing to set below 'valid'"):
        Config().changed(["data.valid.x=5"])


def test_options_of_a_name_go_beside_it():
    assert Config().changed(["fusion=Mean", "fusion.heads=2"]).fusion == {
        "name": "Mean",
        "heads": 2,
    }


@pytest.mark.parametrize(
    ("budget", "seconds"), [("90s", 90), ("20m", 1200), ("1.5h", 5400), (30, 30), ("2 min", 120)]
)
def test_a_budget_is_a_time(budget, seconds):
    assert Config(budget=budget).seconds == seconds


@pytest.mark.parametrize("budget", ["soon", "0", "-5", "1:30", "5d"])
def test_a_budget_that_is_no_time_is_told_at_once(budget):
    with pytest.raises(ConfigError, match="should be a time such as"):
        Config.of({"budget": budget})
