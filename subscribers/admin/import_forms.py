"""The forms of the import wizard: what comes in, and where its columns go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from django import forms
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_lazy as _

from emailseq.backoffice.forms import VerbForm
from emailseq.lib.errors import Invalid
from subscribers import fields as values
from subscribers import services
from subscribers.imports import encodings
from subscribers.imports.chunks import Policy
from subscribers.imports.mapping import CUSTOM, TARGETS, key_of
from subscribers.models import CustomField, Import, List
from subscribers.states import FieldKind, ImportKind, SuppressionReason

_WORDS = {
    "email": _("Address"),
    "first_name": _("First name"),
    "last_name": _("Last name"),
    "name": _("Whole name"),
    "time_zone": _("Time zone"),
    "fields": _("Custom fields, as JSON"),
    "status": _("Status elsewhere: whoever may not be mailed is suppressed"),
}
_NEW = "new:"  # before the kind of a field that is made of the column
_KINDS = [kind for kind in FieldKind if kind != FieldKind.CHOICE]  # choices are made elsewhere


class UploadForm(VerbForm):
    file = forms.FileField(
        required=False,
        label=_("A file"),
        help_text=_("CSV or TSV as any spreadsheet saves it, 100 MB at most."),
    )
    pasted = forms.CharField(
        required=False,
        label=_("Or paste rows"),
        widget=forms.Textarea({"rows": 6, "class": "bo-code", "spellcheck": "false"}),
        help_text=_("With the names of the columns in the first line, or nothing but addresses."),
    )

    def __init__(self, *args: Any, files: Any = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.files = files or MultiValueDict()

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not (given.get("file") or given.get("pasted")) and not self.errors:
            raise forms.ValidationError(_("Choose a file, or paste some rows."))
        return given

    def arguments(self) -> dict[str, Any]:
        given = self.cleaned_data
        if file := given["file"]:
            return {"file_name": file.name, "content": file.chunks()}
        return {"file_name": str(_("pasted.csv")), "content": [given["pasted"].encode()]}


class SetUpForm(VerbForm):
    """Settings, and for each column where it goes: `target_0`, `target_1` …"""

    kind = forms.ChoiceField(choices=ImportKind.choices, label=_("What is in the file?"))
    list = forms.ModelChoiceField(
        List.objects.filter(archived_at=None), required=False, label=_("On which list?")
    )
    policy = forms.ChoiceField(
        choices=Policy.choices, label=_("Of people who are there, a row may change")
    )
    consent_source = forms.CharField(
        max_length=200,
        required=False,
        label=_("Where did these people agree?"),
        help_text=_("Kept with each of them as the evidence of their consent."),
    )
    confirmed = forms.BooleanField(
        required=False,
        label=_("They have confirmed it, and I can prove it"),
        help_text=_("Otherwise they are asked by mail on lists with double opt-in."),
    )
    reason = forms.ChoiceField(
        choices=SuppressionReason.choices, label=_("Why must they not be sent to?")
    )
    encoding = forms.ChoiceField(label=_("Characters of the file"))

    def extra_fields(self) -> dict[str, forms.Field]:
        job = self._job
        own = job.layout["encoding"]
        names = dict.fromkeys([own, *encodings.OFFERED])
        shown = [(name, name.removesuffix("-sig")) for name in names]
        choices: Any = self.fields["encoding"]
        choices.choices = [(name, label) for name, label in shown if name == own or label != own]
        self.declared = [*CustomField.objects.of(self.request.workspace).order_by("label")]
        return {
            f"target_{place}": forms.ChoiceField(
                choices=self._choices(place), required=False, label=name.strip() or str(place + 1)
            )
            for place, name in enumerate(job.layout["header"])
        }

    def values_of(self, target: Import) -> dict[str, Any]:
        targets = {f"target_{place}": value for place, value in enumerate(target.targets)}
        encoding = target.layout["encoding"]
        return {**super().values_of(target), "encoding": encoding, **targets}

    def settings(self) -> Iterator[forms.BoundField]:
        """The fields that are about the whole file."""
        return (self[name] for name in self.fields if not name.startswith("target_"))

    def columns(self) -> Iterator[tuple[str, Sequence[str], forms.BoundField]]:
        """For each column its name, some of its values, and the field that says where it goes."""
        layout = self._job.layout
        samples = layout.get("samples") or [[] for _ in layout["header"]]
        for place, (name, cells) in enumerate(zip(layout["header"], samples, strict=True)):
            yield name.strip() or "–", cells, self[f"target_{place}"]

    def arguments(self) -> dict[str, Any]:
        """What was filled in; fields that columns are to become are made. Raises Invalid."""
        given = super().arguments()
        names = self._job.layout["header"]
        targets = [given.pop(f"target_{place}") for place in range(len(names))]
        if given["encoding"] == self._job.layout["encoding"]:
            given["encoding"] = ""
            made = zip(names, targets, strict=True)
            given["targets"] = [self._made(place, *each) for place, each in enumerate(made)]
        return given

    @property
    def _job(self) -> Import:
        return cast("Import", self.target)

    def _choices(self, place: int) -> Sequence[Any]:
        job = self._job
        known = [(CUSTOM + field.key, field.label) for field in self.declared]
        current = job.targets[place]
        free = current.startswith(CUSTOM) and current not in dict(known)
        sample = (job.layout.get("samples") or [[]] * (place + 1))[place]
        kinds = [(_NEW + kind, kind.label) for kind in sorted(_KINDS, key=_fit(sample))]
        return [
            ("", _("Leave it out")),
            *((name, _WORDS[name]) for name in _WORDS if name in TARGETS),
            *([(_("Custom fields"), known)] if known else []),
            *([(current, _("Keep as free text"))] if free else []),
            (_("A new custom field"), kinds),
        ]

    def _made(self, place: int, name: str, target: str) -> str:
        if not target.startswith(_NEW):
            return target
        key = key_of(name)[:50]
        if not key[:1].isalpha():
            key = f"column_{place + 1}"
        label, by = name.strip()[:100] or key, self.request.actor
        try:
            workspace, kind = self.request.workspace, target.removeprefix(_NEW)
            services.create_field(workspace, key=key, label=label, kind=kind, by=by)
        except Invalid as error:
            raise Invalid.field(f"target_{place}", "invalid", error.detail) from error
        return CUSTOM + key


def _fit(sample: list[str]) -> Any:
    """Sorts first the kinds that all of a column's values are of; text is what anything is."""

    def rank(kind: FieldKind) -> tuple[bool, bool]:
        return not _all_are(kind, sample), kind == FieldKind.TEXT

    return rank


def _all_are(kind: FieldKind, sample: list[str]) -> bool:
    try:
        return bool(sample) and all(values.from_text(kind, cell.strip()) != "" for cell in sample)
    except ValueError:
        return False
