"""The state machine of a spoken conversation: every happening in every state."""

import itertools

import pytest

from quintet_gateway.assistant.voice.conversation import Conversation
from quintet_gateway.assistant.voice.states import IGNORED, TRANSITIONS, Action, Happening, Machine, State

EVERY_PAIR = list(itertools.product(State, Happening))
# The shortest way to each state.
WAYS = {
    State.READY: [],
    State.REPLYING: [Happening.QUESTION],
    State.CUTTING: [Happening.QUESTION, Happening.BARGE_IN],
    State.RESETTING: [Happening.RESET],
    State.CLOSED: [Happening.CLOSE],
}


def machine_in(state):
    machine = Machine()
    for happening in WAYS[state]:
        assert machine.on(happening) is not Action.NONE
    assert machine.state is state
    return machine


@pytest.mark.parametrize(("state", "happening"), EVERY_PAIR)
def test_every_happening_has_exactly_one_place_in_every_state(state, happening):
    assert ((state, happening) in TRANSITIONS) != (happening in IGNORED[state])


@pytest.mark.parametrize(("state", "happening"), EVERY_PAIR)
def test_machine_takes_every_happening_in_every_state(state, happening):
    machine = machine_in(state)
    action = machine.on(happening)
    if happening in IGNORED[state]:
        assert (machine.state, action) == (state, Action.NONE)
    else:
        assert (machine.state, action) == TRANSITIONS[state, happening]
        assert action is not Action.NONE


@pytest.mark.parametrize("state", State)
def test_conversation_can_be_closed_in_every_state_and_nothing_leaves_the_end(state):
    machine = machine_in(state)
    machine.on(Happening.CLOSE)
    assert machine.state is State.CLOSED
    for happening in Happening:
        assert machine.on(happening) is Action.NONE
    assert machine.state is State.CLOSED


@pytest.mark.parametrize("state", [State.READY, State.REPLYING, State.CUTTING, State.RESETTING])
def test_reset_leads_back_to_ready_from_every_state(state):
    machine = machine_in(state)
    assert machine.on(Happening.RESET) is Action.FORGET
    assert machine.on(Happening.RESET_DONE) is Action.TELL_RESET
    assert machine.state is State.READY


@pytest.mark.parametrize(
    "happening", [Happening.TEXT, Happening.SPEECH_STARTED, Happening.BARGE_IN, Happening.QUESTION]
)
def test_nothing_heard_before_a_reset_counts_behind_it(happening):
    machine = machine_in(State.RESETTING)
    assert machine.on(happening) is Action.NONE
    assert machine.state is State.RESETTING


@pytest.mark.parametrize("state", [State.READY, State.REPLYING, State.CUTTING])
def test_stop_of_what_waits_lets_nothing_of_it_be_answered(state):
    machine = machine_in(state)
    gives_up = Action.CUT_FOR_STOP if state is State.REPLYING else Action.GIVE_UP_QUESTIONS
    assert machine.on(Happening.STOP_OF_QUESTION) is gives_up
    assert machine.on(Happening.TEXT_IN_VAIN) is Action.SKIP_TEXT
    assert machine.state is (State.READY if state is State.READY else State.CUTTING)


def test_only_one_answer_is_on_its_way():
    begins = [pair for pair, (_, action) in TRANSITIONS.items() if action is Action.BEGIN_REPLY]
    assert begins == [(State.READY, Happening.QUESTION)]
    into_replying = {state for (state, _), (after, _) in TRANSITIONS.items() if after is State.REPLYING}
    assert into_replying == {State.READY, State.REPLYING}


def test_speech_in_documented_mode_cuts_no_answer():
    machine = machine_in(State.REPLYING)
    assert machine.on(Happening.SPEECH_STARTED) is Action.BEGIN_SPEECH
    assert machine.state is State.REPLYING


def test_every_action_is_used_and_carried_out():
    used = {action for _, action in TRANSITIONS.values()}
    assert used == set(Action) - {Action.NONE} == set(Conversation._actions)
