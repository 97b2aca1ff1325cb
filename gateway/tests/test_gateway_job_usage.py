"""Answers inside of jobs are asked for on behalf of the job's owner, under the name of what was done."""

import pytest

from quintet.jobs.v1.job_service_pb2 import JobTask
from quintet.stt.v1.stt_service_pb2 import TranscribeResponse, Transcript
from quintet.tts.v1.tts_service_pb2 import StreamingSynthesizeResponse, SynthesisStarted
from quintet.vision.v1.vision_service_pb2 import AnalyzeImageResponse, AnalyzeImageResult, ImageAnalysis
from quintet_gateway.assistant import Owner
from quintet_gateway.assistant.job_works import JobOrder, JobWorks
from quintet_gateway.assistant.voice import Hearing, Speech, Voice

MAYA = Owner("nexus", "maya")


class ScriptedTurn:
    async def deltas(self):
        yield "A "
        yield "cat."


class ScriptedTurns:
    def __init__(self):
        self.asked = []

    async def begin(self, ask):
        self.asked.append((ask.owner, ask.action, ask.text, ask.language))
        assert (ask.kept_by_caller, ask.repeated) == (True, True)
        return ScriptedTurn()

    async def history(self, owner, session_id):
        return []

    async def stream(self, owner, action, messages, language=""):
        self.asked.append((owner, action, messages[-1].content, language))
        yield "A "
        yield "cat."


class ScriptedSenses:
    """Sees a picture, hears a question, and speaks."""

    async def analyze(self, config, chunks):
        yield AnalyzeImageResponse(result=AnalyzeImageResult(analysis=ImageAnalysis(description="A cat.")))

    async def transcribe(self, config, chunks):
        yield TranscribeResponse(result=Transcript(text="What is it?", language="en"))

    async def synthesize_texts(self, messages):
        async for message in messages:
            if message.HasField("config"):
                yield StreamingSynthesizeResponse(started=SynthesisStarted(language="en"))
            else:
                yield StreamingSynthesizeResponse(audio=message.text.encode())


async def no_upload():
    for chunk in ():
        yield chunk


@pytest.mark.parametrize(
    ("task", "asked"),
    [
        (
            JobTask(kind=JobTask.KIND_IMAGE_QUESTION, text="What?", language="de"),
            (MAYA, "image_question", "What?", "de"),
        ),
        (JobTask(kind=JobTask.KIND_VOICE_CONVERSATION), (MAYA, "voice_chat", "What is it?", "en")),
    ],
    ids=["picture", "voice"],
)
async def test_answer_of_a_job_is_asked_for_its_owner(task, asked):
    turns, senses = ScriptedTurns(), ScriptedSenses()
    voice = Voice(turns, Hearing(senses), Speech(senses), senses)
    works = JobWorks(turns, senses, voice)
    result = await works.run(JobOrder(MAYA, task, no_upload, lambda percent: None))
    assert result.answer == "A cat."
    assert turns.asked == [asked]
