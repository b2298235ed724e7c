from __future__ import annotations

import factory
from django.contrib.auth.models import Group

from accounts.models import Membership, User, Workspace


class WorkspaceFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Workspace

    name = factory.Sequence(lambda n: f"Workspace {n}")
    slug = factory.Sequence(lambda n: f"workspace-{n}")
    postal_address = "1 Main Street, Springfield"


class UserFactory(factory.django.DjangoModelFactory):
    """A member of the back office; `UserFactory(password="…")` can also sign in with it."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"user-{n}@example.com")
    is_staff = True

    @classmethod
    def _create(cls, model_class, *args, **fields):
        return model_class.objects.create_user(**fields)


class MembershipFactory(factory.django.DjangoModelFactory):
    """`MembershipFactory(role="Author")` makes the workspace and the user too."""

    class Meta:
        model = Membership

    class Params:
        role = "Owner"

    workspace = factory.SubFactory(WorkspaceFactory)
    user = factory.SubFactory(UserFactory)
    group = factory.LazyAttribute(lambda made: Group.objects.get_or_create(name=made.role)[0])
