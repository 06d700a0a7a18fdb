"""What the cells assert is told in full when it fails, as in the tests themselves."""

import pytest

pytest.register_assert_rewrite("tests.clients.arrived", "tests.clients.judging")
