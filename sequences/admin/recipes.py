"""Starting from a ready-made sequence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.pages import allows
from emailseq.backoffice.verbs import Verb
from sequences.admin.fields import LISTS
from sequences.models import Sequence
from sequences.services.as_code import rights
from sequences.services.recipes import Recipe, create_from_recipe, find, recipes


class RecipeForm(VerbForm):
    recipe = forms.ChoiceField(
        label=_("Recipe"), help_text=_("It comes with templates of its own. Nothing goes live yet.")
    )
    name = forms.CharField(max_length=100, required=False, label=_("Name"))
    slug = forms.SlugField(
        max_length=50,
        required=False,
        label=_("Slug"),
        help_text=_("Its name in the API and in commands; if you take a recipe twice."),
    )
    list = forms.ModelChoiceField(
        LISTS,
        required=False,
        label=_("List"),
        help_text=_("The consent its messages rest on. Without one, a list is made for it."),
    )

    def extra_fields(self) -> dict[str, forms.Field]:
        own: Any = self.fields["recipe"]
        own.choices = [(each.slug, each.name) for each in recipes().values()]
        return {}

    def recipes(self) -> Iterable[Recipe]:
        return recipes().values()

    def clean_recipe(self) -> str:
        slug: str = self.cleaned_data["recipe"]
        needed = rights(find(slug).document)
        if missing := sorted(right for right in needed if not allows(self.request, right)):
            detail = gettext("It makes more than sequences. Your role lacks: %s")
            raise forms.ValidationError(detail % ", ".join(missing))
        return slug


def _create(workspace: Workspace, **options: Any) -> Sequence:
    made = create_from_recipe(workspace, **options)
    return Sequence.objects.of(workspace).get(slug=made.slug)


CREATE = Verb(
    _create,
    name="recipe",
    label=_("Start from a recipe"),
    icon="menu_book",
    form=RecipeForm,
    template="sequences/recipe.html",
    done=_("“{}” is there, as a draft: read it, change it, publish it."),
)
