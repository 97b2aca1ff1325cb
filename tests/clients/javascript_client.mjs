// A JavaScript program like the one in the nexus document, with a browser's means only: fetch, FormData, a reader.
// `node javascript_client.mjs BASE_URL PICTURE` prints one JSON object with what each call returned.
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { File } from "node:buffer";

const JSON_TYPE = { "Content-Type": "application/json" };
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

class NexusProgram {
  constructor(address) {
    this.address = address;
    this.session = null;
  }

  // The JSON content type comes with no body at all.
  async openSession() {
    const reply = await fetch(`${this.address}/api/sessions`, { method: "POST", headers: JSON_TYPE });
    this.session = (await reply.json()).session_id;
    return this.session;
  }

  // Every network chunk is decoded and parsed by itself: an event or a character on the border of two would break it.
  async talk(message) {
    const reply = await fetch(`${this.address}/api/process/text`, {
      method: "POST",
      headers: JSON_TYPE,
      body: JSON.stringify({ message, session_id: this.session }),
    });
    const reader = reply.body.getReader();
    const decoder = new TextDecoder();
    let answer = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      for (const line of decoder.decode(part.value).split("\n")) {
        if (!line.startsWith("data: ")) continue;
        const event = JSON.parse(line.slice(6));
        if (event.word) answer += event.word;
        if (event.complete) return answer;
      }
    }
    return undefined;
  }

  async lookAt(file, question = null) {
    const form = new FormData();
    form.append("image", file);
    if (question) form.append("question", question);
    if (this.session) form.append("session_id", this.session);
    const path = question ? "/api/process/image-with-text" : "/api/process/image";
    const reply = await fetch(this.address + path, { method: "POST", body: form });
    return this.outcomeOf((await reply.json()).job_id);
  }

  async outcomeOf(job, attempts = 60) {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const status = await (await fetch(`${this.address}/api/status/${job}`)).json();
      if (status.status === "completed") return status.result;
      if (status.status === "error") throw new Error(status.error);
      await sleep(1000);
    }
    throw new Error(`no end of ${job}`);
  }
}

// What a page does that remembers its session, and what it does when it is told to wait.
async function remembered(address) {
  const created = await (await fetch(`${address}/api/sessions`, { method: "POST", headers: JSON_TYPE })).json();
  const reply = await fetch(`${address}/api/process/text`, {
    method: "POST",
    headers: JSON_TYPE,
    body: JSON.stringify({ message: "Your message", session_id: created.session_id }),
  });
  await reply.text();
  return { status: reply.status, retryAfter: reply.headers.get("Retry-After") };
}

const [address, picture] = process.argv.slice(2);
const program = new NexusProgram(address);
const file = new File([await readFile(picture)], basename(picture), { type: "image/png" });
const unnamed = new File([await readFile(picture)], "blob");
const found = {
  withoutSession: await program.talk("What is 12 times 12?"),
  session: await program.openSession(),
  answer: await program.talk("What is AI?"),
  foreignWords: await program.talk("Привет, мир! 你好"),
  echoed: await program.talk("What did I just ask?"),
  looked: await program.lookAt(file),
  lookedUnnamed: (await program.lookAt(unnamed)).type,
  asked: await program.lookAt(file, "What does the sign say?"),
  remembered: await remembered(address),
};
console.log(JSON.stringify(found));
