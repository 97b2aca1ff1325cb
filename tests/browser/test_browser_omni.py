"""The WebSocket of the omni document, opened by a page with a microphone, and its calls from a foreign page."""

import base64
import wave
from pathlib import Path

import pytest
from framework.omni import new_key
from framework.origins import FOREIGN_HOST
from framework.spoken import spoken

pytestmark = pytest.mark.browser

# The document's program with a microphone before it: what is heard goes out as float32 samples.
TALK = """
async ({address}) => new Promise(async (resolve) => {
  const frames = [], played = [];
  const ws = new WebSocket(address);
  const finish = (code) => resolve({frames, played, code});
  ws.onmessage = (event) => {
    const msg = JSON.parse(event.data);
    frames.push(msg);
    if (msg.type === 'response') {
      const audio = new Audio(`data:audio/wav;base64,${msg.audio_base64}`);
      audio.onloadedmetadata = () => { played.push(audio.duration); ws.close(1000); };
      audio.onerror = () => { played.push(-1); ws.close(1000); };
    }
  };
  ws.onclose = (event) => finish(event.code);
  ws.onopen = async () => {
    const microphone = await navigator.mediaDevices.getUserMedia({audio: {echoCancellation: false,
      noiseSuppression: false, autoGainControl: false}});
    const context = new AudioContext({sampleRate: 16000});
    const source = context.createMediaStreamSource(microphone);
    const tap = context.createScriptProcessor(2048, 1, 1);
    tap.onaudioprocess = (event) => {
      if (ws.readyState !== WebSocket.OPEN) { return; }
      const bytes = new Uint8Array(new Float32Array(event.inputBuffer.getChannelData(0)).buffer);
      let binary = '';
      bytes.forEach((byte) => { binary += String.fromCharCode(byte); });
      ws.send(JSON.stringify({type: 'audio_chunk', data: btoa(binary), sample_rate: context.sampleRate}));
    };
    source.connect(tap);
    tap.connect(context.destination);
  };
})
"""

PROCESS = """
async ({base, key, question}) => {
  const headers = {'Authorization': 'Bearer ' + key};
  const created = await (await fetch(base + '/session', {method: 'POST', headers})).json();
  const form = new FormData();
  form.append('audio', new Blob([Uint8Array.from(atob(question), (c) => c.charCodeAt(0))]));
  form.append('session_id', created.session_id);
  form.append('return_audio', 'true');
  const response = await fetch(base + '/process', {method: 'POST', headers, body: form});
  return {status: response.status, body: await response.json(), reset: response.headers.get('X-RateLimit-Reset')};
}
"""


@pytest.fixture
def microphone(grounded, tmp_path) -> Path:
    """A file that the browser hears as its microphone: it waits a little, speaks, and is silent for long."""
    path = tmp_path / "microphone.wav"
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        writer.writeframes(bytes(2 * 8_000))
        writer.writeframes(spoken(grounded, "What is twelve times twelve?", silence_s=30)[44:])
    return path


@pytest.fixture
def listening_page(launch_browser, microphone, page_port):
    """A page with a microphone, in a browser of its own: the file is chosen when it starts."""
    browser = launch_browser(
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}%noloop",
        "--autoplay-policy=no-user-gesture-required",
    )
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{page_port}/")
    yield page
    browser.close()


def test_a_page_with_a_microphone_is_answered(scripted, listening_page):
    address = f"ws://127.0.0.1:{scripted.port}/ws?api_key={new_key(scripted)}"
    heard = listening_page.evaluate(TALK, {"address": address})
    kinds = [frame["type"] for frame in heard["frames"]]
    assert kinds[0] == "connected"
    assert set(kinds) == {"connected", "vad_status", "status", "response"}
    assert [kind for kind in kinds if kind != "vad_status"] == ["connected", "status", "response"]
    assert any(frame["is_speech"] for frame in heard["frames"] if frame["type"] == "vad_status")
    # The microphone goes on while the answer begins to play, so that decisions about it may come behind the response.
    (response,) = (frame for frame in heard["frames"] if frame["type"] == "response")
    assert response.keys() >= {"text", "audio_base64", "sample_rate", "processing_time_ms"}
    assert response["text"]
    assert heard["played"][0] > 0.3
    assert heard["code"] == 1000


def test_a_foreign_page_may_call_with_a_key(scripted, open_page, page_port):
    page = open_page(f"http://{FOREIGN_HOST}:{page_port}/")
    question = base64.b64encode(spoken(scripted, "What is twelve times twelve?")).decode()
    answer = page.evaluate(PROCESS, {"base": scripted.base_url, "key": new_key(scripted), "question": question})
    assert answer["status"] == 200
    assert answer["body"]["audio_base64"].startswith("UklGR")
