"""In which of the policy's groups a person is: those that list the address, and those that the identity provider named at the login."""

from collections.abc import Collection, Mapping

from orchvynt.language.compiled_gates import Group


def groups_of(email: str, provided: Collection[str], groups: Mapping[str, Group]) -> frozenset[str]:
    """`email` is normalised, `groups` are those of the policy in force."""
    return frozenset([name for name, group in groups.items() if email in group.members or (group.oidc and group.oidc in provided)])
