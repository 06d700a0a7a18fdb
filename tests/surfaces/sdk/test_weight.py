"""`import orchvynt` and its use load the client library and nothing of the server."""

import subprocess
import sys

SERVER = ("uvicorn", "starlette", "uvloop", "httptools", "msgspec", "yaml", "pydantic", "typer", "rich", "sqlite3", "genai_prices")


def loaded(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(' '.join(sorted(sys.modules)))"
    return set(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split())


def test_importing_loads_only_the_package() -> None:
    names = loaded("import orchvynt")
    assert {name for name in names if name.startswith("orchvynt")} == {"orchvynt"}
    assert not names & set(SERVER)
    assert "asyncio" not in names


def test_using_it_loads_the_client_library_only() -> None:
    names = loaded("import orchvynt; orchvynt.headers(workflow='w'); orchvynt.route; orchvynt.run")
    ours = {name for name in names if name.startswith("orchvynt.")}
    assert ours
    assert all(name == "orchvynt.surfaces" or name.startswith("orchvynt.surfaces.sdk") for name in ours)
    assert not names & set(SERVER)


def test_the_langgraph_helper_loads_nothing_of_the_server_and_nobody_else_loads_it() -> None:
    names = loaded("import orchvynt.langgraph")
    ours = {name for name in names if name.startswith("orchvynt.")}
    assert ours - {"orchvynt.langgraph", "orchvynt.surfaces"} == {name for name in ours if name.startswith("orchvynt.surfaces.sdk")}
    assert "langgraph" not in loaded("import orchvynt; orchvynt.wait_for_review")


def test_the_package_offers_exactly_the_client_library() -> None:
    import orchvynt
    from orchvynt.surfaces import sdk

    assert orchvynt.__all__ == sdk.__all__
    assert dir(orchvynt) == sorted(sdk.__all__)
    for name in orchvynt.__all__:
        assert getattr(orchvynt, name) is getattr(sdk, name)
