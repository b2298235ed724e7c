"""Ready-made sequences, to begin with: documents of `sequences.as_code` in `sequences/recipes`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.lib.errors import Conflict, Invalid
from sequences import as_code, documents
from sequences.draft import Document
from sequences.models import Sequence
from sequences.services.as_code import BESIDE, Applied, apply
from subscribers.models import List
from templates_app.models import Template

FOLDER = Path(__file__).parent.parent / "recipes"


@dataclass(frozen=True)
class Recipe:
    slug: str
    name: str
    description: str
    document: Document


@cache
def recipes() -> Mapping[str, Recipe]:
    """All recipes, by slug."""
    found = (documents.load(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.yaml"))
    made = [Recipe(each["sequence"], each["name"], each["description"], each) for each in found]
    return {recipe.slug: recipe for recipe in sorted(made, key=lambda recipe: recipe.slug)}


def find(slug: str) -> Recipe:
    """The recipe of that slug. Raises Invalid."""
    if recipe := recipes().get(slug):
        return recipe
    known = ", ".join(recipes())
    raise Invalid.field("recipe", "not_found", f"There is no recipe “{slug:.50}”, but {known}.")


@transaction.atomic
def create_from_recipe(
    workspace: Workspace,
    *,
    recipe: str,
    by: Actor,
    name: str = "",
    slug: str = "",
    list: List | None = None,  # noqa: A002 - the product's word
    publish: bool = False,
) -> Applied:
    """Make a draft by a recipe, with templates of its own; on `list`, or on the recipe's list.

    Raises Invalid for an unknown recipe, Conflict when the slug of the sequence or of one of the
    templates is taken.
    """
    origin = find(recipe)
    document = _own(origin, slug or origin.slug, list)
    document["name"] = name or origin.name
    if Sequence.objects.of(workspace).filter(slug=document["sequence"]).exists():
        raise Conflict(f"There is a sequence “{document['sequence']}”: choose another slug.")
    templates = Template.objects.of(workspace).filter(slug__in=[*document["templates"]])
    if taken := templates.order_by("slug").first():
        raise Conflict(f"There is a template “{taken.slug}”: choose another slug.")
    return apply(workspace, document=document, publish=publish, by=by)


def _own(recipe: Recipe, slug: str, into: List | None) -> Document:
    """The document of a recipe under another slug, which its templates begin with, too."""
    source: dict[str, Any] = {
        name: value for name, value in recipe.document.items() if name not in BESIDE
    }
    names = {name: slug + name.removeprefix(recipe.slug) for name in source["templates"]}
    lists = dict(source["lists"])
    if into:
        names[source["list"]] = into.slug
        del lists[source["list"]]
    return {
        **as_code.renamed(source, names),
        "sequence": slug,
        "templates": {names[name]: value for name, value in source["templates"].items()},
        "lists": lists,
    }
