"""One person under several ids or folders is one group."""

from itertools import permutations

from pipeline.dataset.same_people import groups


def test_ids_that_differ_by_a_suffix_are_one_person() -> None:
    people = ["001498_female_Asian_23", "001498-1_female_Asian_24", "001499_male_Asian_30"]
    assert groups(people) == {people[0]: people[1], people[1]: people[1], people[2]: people[2]}


def test_an_id_that_two_folders_have_is_one_person() -> None:
    assert len(set(groups(["003397_female_Asian_19", "003397_female_Asian_20"]).values())) == 1


def test_names_without_an_id_are_people_of_their_own() -> None:
    people = ["person-1", "person-2", "ann_1", "ann_2", "12", "12-1"]
    assert groups(people) == {person: person for person in people}


def test_pairs_join_whatever_their_order() -> None:
    for pairs in permutations([("d", "c"), ("b", "a"), ("c", "b")]):
        assert groups("edcba", pairs) == {**dict.fromkeys("abcd", "a"), "e": "e"}
