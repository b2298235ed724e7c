"""What a person can do in the back office, as data: a service, a form, and the words around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _

from emailseq.backoffice.forms import VerbForm
from emailseq.backoffice.pages import Request


@dataclass(frozen=True)
class Verb:
    """A dialog: GET shows it, and only a POST, with its token, calls `act`.

    `act` gets the object (the workspace, from a list), `by` and the arguments that `form` makes.
    The AppError that it raises is shown in the dialog. `sentence` says above the fields what is
    going to happen, and may be made of the object; `done` says that it has, unless `act` returns
    a sentence of its own. Both name the object as {}.
    `when` says which objects it is offered for, beside what the moves of their state allow. `page`
    answers in place of the dialog: what takes more than a form has a page of its own.
    """

    act: Callable[..., Any]
    _: KW_ONLY
    name: str
    label: Any
    icon: str
    right: str = ""  # by default, to write the resource of the admin
    form: Callable[..., VerbForm] = VerbForm
    title: Any = ""
    sentence: Any = ""
    submit: Any = ""
    done: Any = ""
    primary: bool = False
    when: Callable[[Any], bool] = lambda _: True
    template: str = "backoffice/dialog.html"
    page: Callable[[Request, Any], HttpResponse] | None = None

    def context(self, form: VerbForm, target: Any) -> dict[str, Any]:
        """What the dialog shows."""
        sentence = self.sentence
        return {
            "title": self.title or self.label,
            "sentence": sentence(target) if callable(sentence) else sentence.format(target),
            "form": form,
            "submit": self.submit or self.label,
        }


# What is done to many kinds of things looks and reads the same everywhere.
create = partial(
    Verb, name="create", icon="add", submit=_("Create"), done=_("“{}” is there."), primary=True
)
edit = partial(Verb, name="edit", label=_("Edit"), icon="edit", submit=_("Save"), done=_("Saved."))
publish = partial(
    Verb,
    name="publish",
    label=_("Publish"),
    icon="rocket_launch",
    done=_("“{}” is published."),
    primary=True,
)
pause = partial(Verb, name="pause", label=_("Pause"), icon="pause", done=_("“{}” is paused."))
resume = partial(
    Verb, name="resume", label=_("Resume"), icon="play_arrow", done=_("“{}” goes on."), primary=True
)
archive = partial(
    Verb, name="archive", label=_("Archive"), icon="archive", done=_("“{}” is archived.")
)
