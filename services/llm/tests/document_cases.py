"""A small company's documents and what its people ask: questions with an answer in them, and questions without."""

from dataclasses import dataclass

from quintet_llm.conversation import Passage

HANDBOOK = Passage(
    "handbook.md",
    "# Employee handbook of Acme Robotics\n\n## Hours\nThe doors open at 7:30 and are locked at 19:00. Everybody is "
    "there during the core hours, 10:00 to 15:00. Up to three days a week may be worked from home.\n\n## Vacation\n"
    "Every full-time employee gets 28 days of paid vacation a year. Days that are left expire on 31 March of the next "
    "year. Ask the line manager two weeks ahead.\n\n## Expenses\n**Travel.** Travel costs are paid back within 10 "
    "working days. A hotel may cost 140 euros a night, in Zurich 210 euros. Every amount above 15 euros needs a "
    "receipt.\n\n## Security\nLaptops are encrypted with LUKS. Passwords live in Bitwarden. The wifi password of the "
    "guest network is Tulip-88. A lost device is reported to security@acme.example within 4 hours.\n\n## Dogs\n"
    "Dogs are welcome in the office on Fridays. Whoever brings one cleans up after it.\n\n## Parking\nA parking space "
    "costs 45 euros a month. Electric cars park free of charge.",
    "Employee handbook of Acme Robotics",
    0.6,
)
ABOUT = Passage(
    "about.html",
    "# About us\n\nAcme Robotics was founded in 2011 in Graz by Helena Moser and Jan Kowalski. Today 340 people work "
    "at four sites: Graz, Lyon, Porto and Tampere.\n\n## Products\n\n| Robot | Payload | Price |\n| --- | --- | --- |\n"
    "| Ant | 5 kg | 12,900 EUR |\n| Beetle | 40 kg | 48,500 EUR |\n\nOur headquarters are at Herrengasse 12, 8010 "
    "Graz.",
    "About us",
    0.6,
)
RUNBOOK = Passage(
    "runbook.md",
    '# Runbook of the payment service "Falcon"\n\nFalcon belongs to the Ledger team; Priya Raman leads it.\n\n'
    "| environment | host | port |\n| --- | --- | --- |\n| staging | falcon-stg.acme.example | 8443 |\n"
    "| production | falcon.acme.example | 9443 |\n\n## Restart\n1. Drain the node with `falconctl drain`.\n"
    "2. Wait until it prints `drained` (up to 90 seconds).\n3. Run `systemctl restart falcon`.\n\n## Rollback\n"
    "Run `falconctl rollback --to VERSION`. The last five versions are kept. The database schema is never rolled "
    "back.\n\n## Alerts\nFALCON-101 means that more than 5000 settlements wait in the queue. FALCON-207 means that the "
    "certificate runs out in less than 14 days.",
    'Runbook of the payment service "Falcon"',
    0.6,
)
LEASE = Passage(
    "porto-lease.docx",
    "# Lease contract of the office in Porto\n\nThe landlord is Douro Lda. The monthly rent is 7,450 euros, due on the "
    "fifth day of each month. The lease runs from 1 May 2024 to 30 April 2029.\n\nThe deposit amounts to three monthly "
    "rents. The notice period is six months.\n\n|  |  |\n| --- | --- |\n| Parking spaces | 12 |\n| Floor area | 830 "
    "square metres |",
    "Lease contract of the office in Porto",
    0.6,
)
MANUAL = Passage(
    "beetle-manual.pdf",
    "Beetle mobile robot - user manual\nThe Beetle weighs 85 kg and carries up to 40 kg. Its lithium battery holds 1.2 "
    "kWh\nand lasts 9 hours. A full charge takes 95 minutes with the charger BC-3.",
    "Page 1",
    0.6,
)
ERRORS = Passage(
    "beetle-manual.pdf",
    "Emergency stop\nPress the red mushroom button on the rear panel. To release it, turn it clockwise and hold the "
    "green\nkey for 3 seconds.\nError codes: E17 means that the lidar is dirty; wipe it with alcohol. E23 means that "
    "the left\nwheel motor is overheated; wait 20 minutes.",
    "Page 2",
    0.6,
)
INVOICES = Passage(
    "src/invoice.ts",
    "// Invoices: totals with German VAT.\nexport const VAT_RATE = 0.19;\nexport const REDUCED_VAT_RATE = 0.07;\n\n"
    "/** The gross total in cents. */\nexport function grossTotal(lines: Line[]): number {\n  return lines.reduce("
    "(sum, l) => sum + l.cents * (1 + (l.reduced ? REDUCED_VAT_RATE : VAT_RATE)), 0);\n}",
    "",
    0.6,
)
RETRY = Passage(
    "src/retry.py",
    '"""Retry with exponential backoff."""\nimport random\nimport time\n\nMAX_ATTEMPTS = 6\nBASE_DELAY_S = 0.25\n\n\n'
    'def backoff_delay(attempt: int) -> float:\n    """The pause before an attempt in seconds, at most 20."""\n'
    "    return random.uniform(0, min(20.0, BASE_DELAY_S * 2**attempt))\n\n\ndef retry(call):\n"
    '    """Calls until it succeeds or MAX_ATTEMPTS are used up."""\n    for attempt in range(MAX_ATTEMPTS):\n'
    "        try:\n            return call()\n        except ConnectionError:\n            if attempt == MAX_ATTEMPTS "
    "- 1:\n                raise\n            time.sleep(backoff_delay(attempt))",
    "",
    0.6,
)
COUNCIL = Passage(
    "de.md",
    "# Betriebsrat\n\nDer Betriebsrat tagt jeden zweiten Dienstag um 14 Uhr im Raum Mur. Vorsitzende ist Frau Ingrid "
    "Steiner. Die Kündigungsfrist beträgt drei Monate zum Quartalsende.",
    "Betriebsrat",
    0.6,
)
UPLOADS = Passage(
    "docs/uploads.md",
    "# Uploads\n\n## Formats\nThese formats are supported:\n\n- JPEG up to 20 MB\n- PNG up to 20 MB\n- WAV up to 30 "
    "minutes\n\n## Tokens\n**Choice.** Access tokens are short-lived. Without a list of sign-ins there would be "
    "tokens that nobody can revoke. `POST /auth/logout` revokes a token at once.\n\n## Language\n"
    "The handlers are written in Python with async and await; a key of the cache is the id of the queue. gRPC "
    "carries the calls between the processes.\n\n```python\nfrom errors import Reason\nraise Reason.X\n```",
    "Uploads",
    0.6,
)
COMPANY = (HANDBOOK, ABOUT, RUNBOOK, LEASE, MANUAL, ERRORS, INVOICES, RETRY, COUNCIL, UPLOADS)


@dataclass(frozen=True)
class Case:
    """A question, what its answer says, and what was asked before it."""

    question: str
    said: str
    before: str = ""
    needs_model: bool = False


ANSWERED = (
    Case("How many vacation days do I get?", "28 days"),
    Case("When do unused vacation days expire?", "31 March", needs_model=True),
    Case("How much may a hotel in Zurich cost?", "210 euros"),
    Case("Who is the team lead of the Ledger team?", "Priya Raman"),
    Case("What port does Falcon use in production?", "9443"),
    Case("What does FALCON-207 mean?", "less than 14 days"),
    Case("What is the reduced VAT rate?", "export const REDUCED_VAT_RATE = 0.07;"),
    Case("How many retry attempts are made?", "MAX_ATTEMPTS = 6"),
    Case("Who founded Acme Robotics?", "Helena Moser"),
    Case("How much does the Beetle cost?", "48,500 EUR"),
    Case("How much does the Ant cost?", "12,900 EUR"),
    Case("How many people work at Acme?", "340 people"),
    Case("How long does the battery of the Beetle last?", "lasts 9 hours"),
    Case("How heavy is the Beetle?", "85 kg"),
    Case("What does error E17 mean?", "lidar is dirty"),
    Case("How do I release the emergency stop?", "turn it clockwise", needs_model=True),
    Case("How high is the rent in Porto?", "7,450"),
    Case("How much is the Porto rent?", "7,450"),
    Case("How many parking spaces are there in Porto?", "12"),
    Case("When does the lease in Porto end?", "30 April 2029", needs_model=True),
    Case("Wann tagt der Betriebsrat?", "14 Uhr"),
    Case("How do I roll back Falcon?", "falconctl rollback --to VERSION", needs_model=True),
    Case("How do I restart Falcon?", "systemctl restart falcon"),
    Case("How is a token revoked?", "POST /auth/logout", needs_model=True),
    Case("Can I bring my dog to work?", "Fridays", needs_model=True),
    Case("How much is parking?", "45 euros"),
    Case("Do electric cars pay for parking?", "free of charge", needs_model=True),
    Case("Tell me about parking", "45 euros"),
    Case("Which formats are supported?", "- PNG up to 20 MB"),
    Case("How do I encrypt my laptop?", "LUKS", needs_model=True),
    Case("What is the VAT rate in Germany?", "VAT_RATE = 0.19", needs_model=True),
    Case("canine policy?", "Fridays", needs_model=True),
    Case("holiday entitlement?", "28 days", needs_model=True),
    Case("What is FALCON-101?", "5000 settlements"),
    Case("When?", "2011", before="Who founded Acme Robotics?"),
    Case("When is it due?", "fifth day", before="How much is the Porto rent?", needs_model=True),
    Case("And the deposit?", "three monthly rents", before="How much is the Porto rent?"),
)
OPEN = (
    "What is async/await in Python?",
    "What is Python?",
    "What is a password?",
    "What is a battery?",
    "What's a robot?",
    "What is an employee?",
    "What is a queue?",
    "What is a key?",
    "What is gRPC?",
    "What is HTTP?",
    "What is a laptop?",
    "What is LUKS?",
    "What is a lease?",
    "What is a test?",
    "Where is Graz?",
    "What colour is the Beetle?",
    "Who is the CEO of Acme?",
    "How many vacation days does a part-time employee get?",
    "What is the salary of Priya Raman?",
    "What is the capital of France?",
    "Tell me a joke",
    "Write a Python hello world",
    "Explain FastAPI in one sentence",
    "Who won the world cup in 2018?",
    "How do I restart my router?",
    "What is the price of gold?",
    "How does Bitwarden work?",
    "How do I wash my hands?",
    "Is Porto a nice city?",
    "What is the population of Lyon?",
    "How old is Jan Kowalski?",
    "When was Jan Kowalski born?",
    "Where does Helena Moser live?",
    "Who is the landlord of the office in Graz?",
    "What is the rent in Lyon?",
    "What is the port of SSH?",
    "What port does Postgres use?",
    "How do I restart nginx?",
    "How do I roll back a git commit?",
    "How many people live in Austria?",
    "What is the price of the Spider robot?",
    "What does E99 mean?",
    "When does the supermarket open?",
    "How many vacation days do teachers get in France?",
    "Explain async programming",
    "How does a browser work?",
    "How many days of paternity leave do I get?",
)
