"""The documents say what the code does: each list in docs/ is held against the list in src/ that it explains."""

import json
import re

import jsonschema
import pytest
import yaml

from test_house import ROOT

API = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())
METHODS = {"get", "put", "post", "delete", "patch", "head"}


def source(path: str) -> str:
    return (ROOT / "src" / path).read_text()


def document(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def rows(text: str) -> list[list[str]]:
    """The rows of all Markdown tables, without their heads."""
    lines = [line.strip() for line in text.split("\n")]
    table = [line for before, line in zip([""] + lines, lines) if line.startswith("|") and before.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table if not row.startswith("|---")]


def code_names() -> dict[str, str]:
    """GMI_E_DAMAGED -> damaged"""
    return dict(re.findall(r"case (GMI_\w+):\s+return \"([\w-]+)\";", source("base/error.c")))


# ---- docs/openapi.yaml ----


def operations() -> list[tuple[str, str, dict]]:
    return [(method, path, operation) for path, item in API["paths"].items()
            for method, operation in item.items() if method in METHODS]


def resolve(reference: str) -> object:
    target = API
    for part in reference.removeprefix("#/").split("/"):
        target = target[part]
    return target


def parts(value: object) -> list:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [value] + [part for item in inside for part in parts(item)]


def test_every_route_is_in_the_api_and_no_other() -> None:
    routes = set(re.findall(r'^\t\{ "([A-Z]+)", "([^"]+)"', source("http/router.c"), re.M))
    assert routes and routes == {(method.upper(), path) for method, path, _ in operations()}


def test_routes_with_a_body_are_described_with_one_of_the_same_kind() -> None:
    kinds = {"GMI_BODY_JSON": {"application/json"}, "GMI_BODY_RAW": {"application/octet-stream"},
             "GMI_BODY_NONE": set()}
    wanted = {(method.lower(), path): kinds[kind] for method, path, kind in
              re.findall(r'\{ "([A-Z]+)", "([^"]+)", (GMI_BODY_\w+)', source("http/router.c"))}
    assert wanted == {(m, p): set(o.get("requestBody", {}).get("content", {})) for m, p, o in operations()}


def test_every_problem_type_is_in_the_api_with_its_status() -> None:
    names = code_names()
    statuses = {names[code]: status for code, status in
                re.findall(r"\[(GMI_E?_?\w+)\] = \{ (\d+),", source("http/problem.c")) if code != "GMI_OK"}
    table = {cell[0].strip("`").removeprefix("urn:gmi:problem:"): cell[1].split(",")[0]
             for cell in rows(API["info"]["description"]) if cell[0].startswith("`urn:")}
    assert statuses == table and set(statuses) == set(names.values()) - {"ok"}
    listed = API["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
    assert {name.removeprefix("urn:gmi:problem:") for name in listed} == set(statuses)


def test_every_event_is_in_the_api() -> None:
    sent = set(re.findall(r'set_event\(events, "(\w+)"', source("http/events.c")))
    told = {row[0].strip("`") for row in rows(API["paths"]["/api/v1/jobs/{id}/events"]["get"]["description"])}
    assert sent and sent == told


def test_every_member_of_an_answer_is_in_the_api() -> None:
    schemas = API["components"]["schemas"]
    told = set(schemas["Device"]["properties"]["disks"]["items"]["properties"])
    told |= set(schemas["Device"]["properties"]["estimate"]["oneOf"][1]["properties"])
    for name in ("Device", "Job", "BackupSummary", "RestoreSummary", "LogLine"):
        told |= set(schemas[name]["properties"])
    values = {value for part in parts(schemas) if isinstance(part, dict) for value in part.get("enum", [])}
    written = set(re.findall(r'"([a-z][A-Za-z]*)"', source("http/job_json.c"))) - values
    assert written == told - values


def test_operations_are_named_once() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)
    for _, path, operation in operations():
        assert operation["responses"] and operation["summary"]
        item = API["paths"][path].get("parameters", [])
        declared = {resolve(p["$ref"])["name"] if "$ref" in p else p["name"]
                    for p in item + operation.get("parameters", [])}
        assert set(re.findall(r"\{(\w+)\}", path)) <= declared, path


def test_references_lead_somewhere() -> None:
    references = [part["$ref"] for part in parts(API) if isinstance(part, dict) and "$ref" in part]
    assert references and all(resolve(reference) for reference in references)
    used = set(references)
    for kind, things in API["components"].items():
        assert {f"#/components/{kind}/{name}" for name in things} <= used, kind


def check(value: object, schema: dict) -> None:
    root = {**schema, "components": API["components"]}
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(root, resolver=jsonschema.RefResolver("", root)).validate(value)


def test_examples_fit_their_schemas() -> None:
    checked = 0
    for part in parts(API):
        if isinstance(part, dict) and "schema" in part and ("example" in part or "examples" in part):
            for value in [part["example"]] if "example" in part else [e["value"] for e in part["examples"].values()]:
                check(value, part["schema"])
                checked += 1
    assert checked > 10


def test_the_example_of_a_stream_fits_its_schemas() -> None:
    stream = API["paths"]["/api/v1/jobs/{id}/events"]["get"]["responses"]["200"]["content"]["text/event-stream"]
    events = re.findall(r"event: (\w+)\ndata: (.*)\n", stream["example"])
    assert [name for name, _ in events] == ["log", "progress", "end"]
    for name, data in events:
        check(json.loads(data), {"$ref": f"#/components/schemas/{'LogLine' if name == 'log' else 'Job'}"})


# ---- docs/cli.md ----


def commands() -> dict[str, str]:
    """Each command's own words: its part of the table in main.c."""
    table = source("cli/main.c").split("commands[] = {")[1].split("\n};")[0]
    table = table.replace("PROFILE_OPTION", '"  --profile P  "')
    return dict(re.findall(r'\n\t\{ "(\w+)", (.*?)\bgmi_cmd_\w+ \}', table, re.S))


def section(name: str) -> str:
    found = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", document("cli.md"), re.S | re.M)
    assert found, f"docs/cli.md has no section {name}"
    return found[1]


def long_options(command: str) -> set[str]:
    """What the parser takes, by the letters that the command allows."""
    letters = dict(re.findall(r'\{ "([\w-]+)", \w+, NULL, \'(\w)\' \}', source("cli/options.c")))
    allowed = re.search(r'gmi_options_parse\(&[\w.]+, command, "(\w*)"', source(f"cli/cmd_{command}.c"))
    return {f"--{name}" for name, letter in letters.items() if letter in allowed[1]}


def test_every_command_has_its_section_and_no_other_has_one() -> None:
    told = set(re.findall(r"^## gmi (\w+)$", document("cli.md"), re.M))
    assert told and told == set(commands())


@pytest.mark.parametrize("command", sorted(commands()))
def test_a_commands_options_are_what_it_takes(command: str) -> None:
    told = {name for row in rows(section(f"gmi {command}")) for name in re.findall(r"--[\w-]+", row[0])}
    helped = set(re.findall(r"--[\w-]+", commands()[command].replace('"\n', '" ')))
    assert told == long_options(command) == helped
    usage = re.match(r'"([^"]*)"', commands()[command])[1]
    assert f"    gmi {command} {usage}\n" in section(f"gmi {command}")


def test_the_options_of_gmid_are_what_it_takes() -> None:
    taken = {f"--{name}" for name in re.findall(r'\{ "(\w+)", \w+, NULL, \'\w\' \}', source("gmid/main.c"))}
    told = {name for row in rows(section("gmid")) for name in re.findall(r"--[\w-]+", row[0])}
    assert taken and taken == told


def test_exit_codes_are_the_published_ones() -> None:
    text = source("cli/exit.c").replace("GMI_EXIT_USAGE", re.search(r"GMI_EXIT_USAGE (\d+)", source("cli/exit.h"))[1])
    coded = {code_names()[code]: number for code, number in re.findall(r"case (GMI_\w+):\s+return (\d+);", text)}
    assert set(coded) == set(code_names().values())
    verdicts = {name.lower(): number for name, number in
                re.findall(r"#define GMI_EXIT_(WARNINGS|PROBLEMS|UNREADABLE) (\d+)", source("cli/exit.h"))}
    told = {row[1]: row[0] for row in rows(section("Exit codes"))}
    assert len(verdicts) == 3 and told == coded | verdicts and len(set(told.values())) == len(told)


def test_what_the_doctor_looks_at_is_told_by_its_titles_and_names() -> None:
    groups = re.findall(r'\[GMI_FINDING_\w+\] = \{ "(\w+)", "([\w ]+)" \}', source("doctor/doctor.c"))
    assert len(groups) > 5
    for name, title in groups:
        assert f"`{name}`" in section("gmi doctor") and f"*{title}*" in section("gmi doctor"), title


# ---- docs/profile.md ----


def profile_keys() -> set[tuple[str, str]]:
    text = source("device/profile.c")
    keys = set(re.findall(r'TEXT_KEY\("(\w+)", "(\w+)"', text))
    keys |= set(re.findall(r'NUMBER_KEY\("(\w+)", "(\w+)"', text))
    of = {"disk NAME": "set_disk", "mount PATH": "set_mount"}
    for section_name, function in of.items():
        body = text[text.index(f"static int {function}("):]
        body = body[:body.index("\n}\n")]
        keys |= {(section_name, key) for key in re.findall(r'strcmp\(key, "(\w+)"\) [!=]= 0\)', body)}
    return keys


def told_profile_keys() -> dict[tuple[str, str], str]:
    return {(row[0].strip("`[]"), row[1].strip("`")): row[2] for row in rows(document("profile.md"))
            if len(row) == 4}


def test_every_key_of_a_profile_is_explained() -> None:
    assert len(profile_keys()) > 10 and profile_keys() == set(told_profile_keys())


def test_defaults_of_a_profile_are_the_codes() -> None:
    defaults = dict(re.findall(r'#define DEFAULT_(\w+) "?([^"\n]+)"?', source("device/profile.c")))
    told = {key.upper(): value.strip("`") for (_, key), value in told_profile_keys().items()}
    assert defaults == {name: told[name] for name in defaults} and len(defaults) == 5


# ---- docs/gmi-format.md ----


def test_the_formats_constants_are_the_codes() -> None:
    shifts = {name: eval(value.replace("u", "")) for name, value in  # noqa: S307 - our own header
              re.findall(r"#define (GMI_\w+) (\(?\d+u?(?: << \d+\))?)(?= |$)", source("format/format.h"), re.M)}
    told = {row[2].strip("`"): int(row[1].replace(",", "")) for row in rows(document("gmi-format.md"))
            if len(row) == 3 and row[2].startswith("`GMI_")}
    assert len(told) > 8 and told == shifts


def test_the_formats_names_are_the_codes() -> None:
    text = document("gmi-format.md")
    for name in re.findall(r'#define GMI_(?:ENTRY_\w+|MEDIA_TYPE) "([^"]+)"', source("format/format.h")):
        assert name in text
    for name in re.findall(r'#define GMI_INDEX_MAGIC "([^"]+)"', source("format/index_layout.h")):
        assert f"| 0 | 8 | `{name}` |" in text
    encoder = source("format/manifest_json.c").split("---- parsing")[0]
    words = {"gmi", "none", "minisign", "block", "flash"}
    for member in set(re.findall(r'"([a-z_]+)"', encoder)) - words:
        assert f"`{member}`" in text, member
