"""Pictures as the vision service describes them, and a guide that is asked about them."""

from quintet.chat.v1 import chat_service_pb2 as pb
from quintet.media.v1.engine_pb2 import Limitation
from quintet.vision.v1 import vision_service_pb2 as vision_pb
from quintet_llm.engine import TextDelta
from quintet_llm.messages import read_request

WIDTH, HEIGHT = 900, 600
BLIND = (
    Limitation(subject="objects", explanation="Other things are not recognised."),
    Limitation(subject="text", explanation="Other scripts are not read."),
)


def box(x, y, width, height):
    return vision_pb.BoundingBox(x=x, y=y, width=width, height=height)


def thing(label, x, height=150, confidence=0.9, y=200):
    """Something of that height whose middle is at `x`."""
    return vision_pb.DetectedObject(label=label, confidence=confidence, box=box(x - 30, y, 60, height))


def line(text, x=100, y=50, confidence=0.97, height=40):
    return vision_pb.TextLine(text=text, confidence=confidence, box=box(x, y, 20 * len(text), height))


def code(payload, kind="qr"):
    return vision_pb.DecodedCode(kind=kind, payload=payload, box=box(400, 300, 100, 100))


def analysis(*objects, blind=True, brightness=120.0, sharpness=400.0, scene="photo", colors=("grey",), **fields):
    return vision_pb.ImageAnalysis(
        objects=objects,
        scene=scene,
        width=WIDTH,
        height=HEIGHT,
        format="jpeg",
        frame_count=1,
        quality=vision_pb.ImageQuality(sharpness=sharpness, brightness=brightness, contrast=50.0),
        dominant_colors=[vision_pb.DominantColor(name=name, hex="#000000", share=0.3) for name in colors],
        limitations=BLIND if blind else (),
        **fields,
    )


NAMED = {
    "nothing": analysis(),
    "nothing-seeing": analysis(blind=False, colors=("dark blue", "white", "beige")),
    "no-colors": analysis(colors=()),
    "one-unsure": analysis(thing("face", 100, 100, 0.6)),
    "one-sure": analysis(thing("person", 450, 500), thing("face", 450, 60, 0.6, y=220)),
    "one-far": analysis(thing("person", 800, 60, 0.6)),
    "far": analysis(*(thing("person", x, 60, 0.9) for x in (100, 450, 800))),
    "two-together": analysis(thing("person", 60, 200), thing("person", 200, 200), blind=False),
    "crowd": analysis(*(thing("person", x, 200, 0.7) for x in range(40, 900, 70))),
    "unsure-many": analysis(thing("face", 100, 30, 0.6), thing("face", 800, 10, 0.6)),
    "street": analysis(
        thing("bench", 100, 120), thing("car", 800, 400), thing("person", 450, 330), thing("dog", 420, 90), blind=False
    ),
    "full-street": analysis(
        *(thing(label, x, 130) for label, x in zip(
            ("person", "bus", "bicycle", "potted plant", "umbrella"), (50, 450, 800, 100, 500), strict=True
        )), blind=False, brightness=50.0
    ),
    "very-full-street": analysis(
        *(thing(label, x, 130) for label, x in zip(
            ("person", "bus", "bicycle", "umbrella", "clock", "chair", "wheelie bin"),
            (50, 450, 800, 100, 500, 830, 60), strict=True
        )), blind=False, brightness=20.0
    ),
    "sign": analysis(text_lines=[line("EXIT 42"), line("This way out", y=95), line("SALE", x=600, y=400)]),
    "platform": analysis(
        thing("person", 100, 200), text_lines=[line("Platform 9", x=650), line("exit", 400, 400, 0.7)]
    ),
    "things-only": analysis(thing("bench", 100, 120), blind=False, text_lines=[line("Bus stop", x=650)]),
    "thing-unsure": analysis(thing("car", 800, 400, 0.6), blind=False),
    "things-unsure": analysis(thing("car", 800, 400, 0.6), thing("dog", 420, 90), blind=False),
    "two-things": analysis(thing("car", 800, 400), thing("dog", 420, 90), blind=False),
    "code-seen": analysis(
        vision_pb.DetectedObject(label="qr code", confidence=1.0, box=box(400, 300, 100, 100)), codes=[code("Table 4")]
    ),
    "smudged": analysis(text_lines=[line("Maim Streat", confidence=0.6)], sharpness=20.0),
    "half-read": analysis(
        text_lines=[line("OPEN"), line("frm 9 tc 5", y=200, confidence=0.6)], sharpness=20.0, blind=False
    ),
    "page": analysis(text_lines=[line("word and word " * 3, y=40 * n, x=0) for n in range(20)], scene="document"),
    "link": analysis(codes=[code("https://example.org/menu?table=4")]),
    "plain-code": analysis(codes=[code("Table 4")], blind=False, scene="code"),
    "barcode": analysis(codes=[code("4006381333931", "ean13")], brightness=20.0),
    "two-codes": analysis(codes=[code("Table 4"), code("Table 5")]),
    "sign-and-code": analysis(text_lines=[line("Menu")], codes=[code("https://example.org/menu")]),
    "dim": analysis(brightness=55.0),
    "bright": analysis(brightness=240.0),
    "bright-seeing": analysis(brightness=240.0, blind=False),
    "dark-and-blurred": analysis(brightness=30.0, sharpness=3.0),
    "dark-and-blurred-seeing": analysis(brightness=30.0, sharpness=3.0, blind=False),
    "wall": analysis(scene="blank", sharpness=0.0, colors=("beige",)),
    "covered": analysis(scene="blank", sharpness=0.0, brightness=2.0, colors=("black",)),
    "bare": vision_pb.ImageAnalysis(width=WIDTH, height=HEIGHT, limitations=BLIND),
}  # fmt: skip

QUESTIONS = {
    "en": ["what is ahead?", "how many people are there?", "who is that?", "read the text",
           "what does the qr code say?",
           "what colour is it?", "is it dark?", "is it blurred?", "is the way clear?", "where is the car?",
           "is there a chair?", "where is the ladder?", "what is on the left?", "what is on the right?",
           "what is in the middle?", "tell me more", "what can you do?",
           "where is the exit?", "is there an exit?", "which platform is this?", "where is the pharmacy?",
           "how many codes are there?", "how far away is the person?", "how far is the car?",
           "how far away is the wall?", "where is it?",
           "is the traffic light green?", "are there stairs?", "where is the bus?"],
    "hi": ["सामने क्या है?", "कितने लोग हैं?", "यह कौन है?", "क्या लिखा है?", "क्यूआर कोड में क्या है?", "रंग बताओ",
           "क्या अँधेरा है?", "क्या तस्वीर धुँधली है?", "क्या रास्ता साफ है?", "गाड़ी कहाँ है?", "क्या यहाँ कुर्सी है?",
           "सीढ़ी कहाँ है?", "बाईं ओर क्या है?", "दाईं ओर क्या है?", "बीच में क्या है?", "विस्तार से बताइए",
           "आप क्या कर सकते हैं?", "क्या यहाँ कोई कुत्ता है?",
           "निकास कहाँ है?", "बाहर जाने का रास्ता कहाँ है?", "यह कौन सा प्लेटफ़ॉर्म है?", "चाबी कहाँ है?", "कितने कोड हैं?",
           "वह व्यक्ति कितनी दूर है?", "गाड़ी कितनी दूर है?", "दीवार कितनी दूर है?", "क्या सिग्नल हरा है?", "बस कहाँ है?"],
    "mr": ["समोर काय आहे?", "किती लोक आहेत?", "हा कोण आहे?", "काय लिहिले आहे?", "क्यूआर कोड काय सांगतो?", "रंग कोणता आहे?",
           "अंधार आहे का?", "चित्र अस्पष्ट आहे का?", "रस्ता मोकळा आहे का?", "गाडी कुठे आहे?", "इथे खुर्ची आहे का?",
           "शिडी कुठे आहे?", "डावीकडे काय आहे?", "उजवीकडे काय आहे?", "मध्यभागी काय आहे?", "सविस्तर सांगा",
           "तुम्ही काय करू शकता?", "कुत्रा दिसतो का?", "घड्याळ कुठे आहे?",
           "बाहेर जाण्याचा मार्ग कुठे आहे?", "निर्गम कुठे आहे?", "हा कोणता प्लॅटफॉर्म आहे?", "किती कोड आहेत?",
           "ती व्यक्ती किती लांब आहे?", "गाडी किती लांब आहे?", "भिंत किती लांब आहे?", "सिग्नल हिरवा आहे का?",
           "पायऱ्या आहेत का?", "बस कुठे आहे?"],
}  # fmt: skip


def message(text, picture=None, role=pb.ChatMessage.ROLE_USER):
    return pb.ChatMessage(role=role, content=text, image_analysis=picture)


async def answer(engine, *messages, language="", style=pb.StreamChatRequest.STYLE_GUIDE):
    """Returns the engine's answer to a conversation as the contract carries it, and the skill that gave it."""
    request = pb.StreamChatRequest(messages=messages, language=language, style=style)
    text, skill = "", ""
    async for event in engine.answer(read_request(request, engine.models())):
        if isinstance(event, TextDelta):
            text += event.text
        else:
            skill = event.skill
    return text, skill
