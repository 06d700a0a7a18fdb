"""Files of at most 300 lines, functions of at most 60, at most five exceptions with a reason each."""

from tests.architecture.house import exceptions, functions, source_modules

FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 60
EXCEPTIONS_MAX = 5


def too_large() -> dict[str, str]:
    found = {module.name: f"{module.line_count} lines" for module in source_modules() if module.line_count > FILE_LINES_MAX}
    for module in source_modules():
        found |= {each.name: f"{each.line_count} lines" for each in functions(module) if each.line_count > FUNCTION_LINES_MAX}
    return found


def test_files_and_functions_are_small() -> None:
    beyond = {name: size for name, size in too_large().items() if name not in exceptions("sizes")}
    assert not beyond, f"split these (files: {FILE_LINES_MAX} lines, functions: {FUNCTION_LINES_MAX}), or give a reason in exceptions.toml"


def test_exceptions_are_few_reasoned_and_needed() -> None:
    listed = exceptions("sizes")
    assert len(listed) <= EXCEPTIONS_MAX
    assert all(len(reason.split()) >= 4 for reason in listed.values()), "an exception needs a reason"
    assert not set(listed) - set(too_large()), "no longer too large: take it off the list"
