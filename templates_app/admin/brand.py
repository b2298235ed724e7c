"""The brand, and keeping a block for other templates: dialogs of the templates' pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from accounts.models import Workspace
from emailseq.backoffice.forms import NamedForm, VerbForm
from emailseq.backoffice.verbs import Verb
from emailseq.lib.errors import Invalid
from templates_app.blocks import editing
from templates_app.blocks.kinds import CORNERS, FONTS, LAYOUTS
from templates_app.models import Template
from templates_app.services.brand import brand_of, save_block, set_brand

_FONTS = {
    "sans": _("Sans serif"),
    "rounded": _("Rounded"),
    "serif": _("Serif"),
    "slab": _("Slab serif"),
    "mono": _("Typewriter"),
}
_CORNERS = {"round": _("Round"), "square": _("Square")}
LAYOUT_NAMES = {"card": _("Card"), "bar": _("Bar"), "letter": _("Letter")}


def _colour(label: Any) -> forms.CharField:
    return forms.CharField(max_length=7, label=label, widget=forms.TextInput({"type": "color"}))


def _choice(label: Any, keys: tuple[str, ...], names: dict[str, Any]) -> forms.ChoiceField:
    return forms.ChoiceField(choices=[(key, names[key]) for key in keys], label=label)


class BrandForm(VerbForm):
    accent = _colour(_("Your colour"))
    text = _colour(_("Text"))
    paper = _colour(_("Behind the text"))
    canvas = _colour(_("Around the message"))
    font = _choice(_("Font"), FONTS, _FONTS)
    heading_font = _choice(_("Font of headings"), FONTS, _FONTS)
    corners = _choice(_("Corners"), CORNERS, _CORNERS)
    layout = _choice(_("Layout"), LAYOUTS, LAYOUT_NAMES)
    logo = forms.CharField(required=False, max_length=2000, label=_("Address of the logo"))
    logo_alt = forms.CharField(required=False, max_length=300, label=_("What it shows"))
    logo_width = forms.IntegerField(label=_("Its width"))
    website = forms.CharField(
        required=False,
        max_length=200,
        label=_("Website"),
        help_text=_("Where the links of new starters lead."),
    )
    revision = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.initial = self.values_of(brand_of(self.request.workspace))


def _set_brand(workspace: Workspace, *, by: Actor, **members: Any) -> str:
    set_brand(workspace, by=by, **members)
    return gettext("Saved. Templates look so from their next publishing on.")


class KeepForm(NamedForm):
    """Which block: `?block=`."""

    def arguments(self) -> dict[str, Any]:
        return {**super().arguments(), "block": self.request.GET.get("block", "")}


def _keep(template: Template, *, block: str, name: str, slug: str, by: Actor) -> str:
    found = editing.find(template.document or {"blocks": []}, block)
    if found is None:
        raise Invalid.field("name", "not_found", gettext("That block is not there any more."))
    save_block(template.workspace, name=name, slug=slug, blocks=[found], by=by)
    return gettext("Kept: add it to any template as a saved block.")


BRAND = Verb(
    _set_brand, name="brand", label=_("Brand"), icon="palette", form=BrandForm, submit=_("Save")
)
KEEP = Verb(
    _keep,
    name="keep",
    label=_("Keep for other templates"),
    icon="bookmark_add",
    form=KeepForm,
    sentence=_("A copy of the block gets a name, and other templates can hold it."),
    submit=_("Keep"),
)
