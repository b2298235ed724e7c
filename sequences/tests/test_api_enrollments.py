from __future__ import annotations

import pytest

from accounts.tests.api import Api
from accounts.tests.factories import WorkspaceFactory
from emailseq.lib import clock
from sequences.models import Enrollment
from sequences.tests.factories import DAY, EMAIL, make_draft, make_live, make_runs
from subscribers.tests.factories import SubscriberFactory, make_audience, make_people

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return WorkspaceFactory()


@pytest.fixture
def api(workspace):
    return Api(workspace)


@pytest.fixture
def sequence(workspace):
    return make_live(EMAIL, DAY, EMAIL, workspace=workspace)


def faults(answer):
    assert answer.status_code == 400
    return {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]}


def test_one_person_is_enrolled_once(api, sequence):
    (person,) = make_audience(1, on=sequence.list)
    body = {"sequence": sequence.slug, "subscriber": person.public_id}

    first, again = api("POST", "/enrollments", body), api("POST", "/enrollments", body)

    run = Enrollment.objects.get()
    assert first.status_code == 201
    assert first.headers["Location"] == f"/api/v1/enrollments/{run.public_id}"
    body = first.json()
    assert {name: body[name] for name in ("id", "sequence", "subscriber", "version", "run")} == {
        "id": run.public_id,
        "sequence": sequence.public_id,
        "subscriber": person.public_id,
        "version": 1,
        "run": 1,
    }
    assert (body["state"], body["step"], body["reason"], body["ended_at"]) == (
        "active",
        "",
        "",
        None,
    )
    assert (again.status_code, again.json()["code"]) == (409, "duplicate")
    assert again.json()["id"] == run.public_id
    assert api("GET", first.headers["Location"]).json() == body


def test_several_people_are_enrolled_and_counted(api, sequence):
    people = make_audience(3, on=sequence.list)
    ids = [person.public_id for person in people]
    api("POST", "/enrollments", {"sequence": sequence.slug, "subscriber": ids[0]})

    answer = api("POST", "/enrollments", {"sequence": sequence.slug, "subscribers": ids + ids})

    assert answer.status_code == 200
    assert answer.json() == {"started": 2, "passed_over": 1}


def test_whoever_is_not_there_is_named_and_nobody_is_enrolled(api, workspace, sequence):
    people = [
        make_audience(1, on=sequence.list)[0],
        SubscriberFactory(),
        SubscriberFactory(workspace=workspace, archived_at=clock.now()),
    ]
    ids = [*(person.public_id for person in people), "sub_x", sequence.public_id]

    answer = api("POST", "/enrollments", {"sequence": sequence.slug, "subscribers": ids})

    assert faults(answer) == {(f"/subscribers/{place}", "not_found") for place in (1, 2, 3, 4)}
    assert not Enrollment.objects.exists()


def test_exactly_one_way_of_naming_people(api, workspace, sequence):
    person = SubscriberFactory(workspace=workspace).public_id
    base = {"sequence": sequence.slug}

    assert faults(api("POST", "/enrollments", base)) == {("", "required")}
    both = {**base, "subscriber": person, "subscribers": [person]}
    assert faults(api("POST", "/enrollments", both)) == {("", "required")}
    nobody = api("POST", "/enrollments", {**base, "subscribers": []})
    assert faults(nobody) == {("/subscribers", "empty")}


def test_a_thousand_at_once_and_no_more(api, workspace, sequence):
    ids = [person.public_id for person in make_people(1001, workspace=workspace)]

    crowd = api("POST", "/enrollments", {"sequence": sequence.slug, "subscribers": ids})
    most = api("POST", "/enrollments", {"sequence": sequence.slug, "subscribers": ids[1:]})

    assert faults(crowd) == {("/subscribers", "too_long")}
    assert most.json() == {"started": 1000, "passed_over": 0}


def test_nobody_enters_a_sequence_that_is_not_live(api, workspace):
    draft = make_draft(EMAIL, workspace=workspace)
    person = SubscriberFactory(workspace=workspace)

    answer = api("POST", "/enrollments", {"sequence": draft.slug, "subscriber": person.public_id})

    assert (answer.status_code, answer.json()["code"]) == (409, "state_conflict")
    assert answer.json()["state"] == "draft"
    assert not Enrollment.objects.exists()


def test_a_run_is_paused_resumed_and_ended(api, sequence):
    (run,) = make_runs(sequence)
    path = f"/enrollments/{run.public_id}"

    def state_after(verb, body=None):
        answer = api("POST", f"{path}/{verb}", body)
        assert answer.status_code == 200
        return answer.json()["state"]

    assert [state_after(verb) for verb in ("pause", "pause", "resume", "resume")] == [
        "paused",
        "paused",
        "active",
        "active",
    ]
    assert state_after("exit", {"reason": "bought it"}) == "exited"
    assert state_after("exit") == "exited"
    assert api("GET", path).json()["reason"] == "bought it"
    refused = api("POST", f"{path}/resume")
    assert (refused.status_code, refused.json()["code"]) == (409, "state_conflict")
    assert (refused.json()["state"], refused.json()["allowed"]) == ("exited", [])


def test_runs_are_found_by_sequence_person_and_state(
    api, workspace, sequence, django_assert_max_num_queries
):
    other = make_live(EMAIL, workspace=workspace)
    first, second = make_runs(sequence, 2)
    (third,) = make_runs(other)
    api("POST", f"/enrollments/{second.public_id}/pause")

    def found(query):
        return [row["id"] for row in api("GET", f"/enrollments?{query}").json()["data"]]

    with django_assert_max_num_queries(3):
        assert found("") == [third.public_id, second.public_id, first.public_id]
    assert found(f"sequence={sequence.slug}") == [second.public_id, first.public_id]
    assert found(f"sequence={sequence.slug}&state=active") == [first.public_id]
    assert found(f"subscriber={third.subscriber.public_id}") == [third.public_id]
    of_person = api("GET", f"/subscribers/{first.subscriber.public_id}/enrollments")
    assert [row["id"] for row in of_person.json()["data"]] == [first.public_id]


def test_writing_sequences_is_not_enrolling(workspace, sequence):
    (person,) = make_audience(1, on=sequence.list)

    answer = Api(workspace, "sequences:write")(
        "POST", "/enrollments", {"sequence": sequence.slug, "subscriber": person.public_id}
    )

    assert answer.json()["scope"] == "sequences:publish"
    assert not Enrollment.objects.exists()


def test_a_run_between_two_steps_is_shown_at_the_one_before(api, sequence):
    (run,) = make_runs(sequence)
    key = sequence.steps.first().key
    Enrollment.objects.filter(pk=run.pk).update(position=f"{key}/")

    assert api("GET", f"/enrollments/{run.public_id}").json()["step"] == key
