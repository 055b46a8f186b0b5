"""What needs a kernel of its own: each script of guest/scripts/ is one case, named by what it shows.

All that are asked for run in one boot (machine.py), one after the other, each by `sh -eux` behind guest/lib: a
script passes if it reaches its end. One alone:

    pytest tests/kernel -k nand_with_a_bad_block_is_refused
"""

import pytest

import machine

SCRIPTS = sorted(path.stem for path in (machine.GUEST / "scripts").glob("*.sh"))


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, machine.Outcome]:
    chosen = [item.callspec.params["script"] for item in request.session.items
              if getattr(item, "callspec", None) and "script" in item.callspec.params]
    try:
        return machine.boot(tmp_path_factory.mktemp("machine"), chosen)
    except machine.Missing as missing:
        pytest.skip(f"no machine to boot: {missing}")


@pytest.mark.parametrize("script", SCRIPTS)
def test_in_the_machine(script: str, outcomes: dict[str, machine.Outcome]) -> None:
    outcome = outcomes[script]
    assert outcome.status == 0, f"status {outcome.status}\n{outcome.said}"
